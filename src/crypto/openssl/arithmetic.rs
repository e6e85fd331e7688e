//! RSA-OAEP and RSA-PSS with the protocol's parameters, for a key of any size: no policy here, so
//! that test vectors with smaller keys run through the very same code.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::md::Md;
use openssl::pkey::{HasPublic, PKeyRef, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};
use zeroize::Zeroizing;

use super::super::{CryptoError, Result};

/// The salt of RSA-PSS in bytes: as long as the hash, as TLS 1.3 wants it (RFC 8446, 4.2.3).
const SALT_BYTES: i32 = 32;

/// Signs by RSA-PSS: SHA-256, MGF1 with SHA-256, a salt of 32 bytes (RFC 8017, 8.1).
pub(super) fn pss_sign(key: &PKeyRef<Private>, message: &[u8]) -> Result<Vec<u8>> {
    let sign = || {
        let mut signer = Signer::new(MessageDigest::sha256(), key)?;
        signer.set_rsa_padding(Padding::PKCS1_PSS)?;
        signer.set_rsa_mgf1_md(MessageDigest::sha256())?;
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(SALT_BYTES))?;
        signer.sign_oneshot_to_vec(message)
    };
    sign().map_err(|_: ErrorStack| CryptoError::Backend)
}

/// Checks what [`pss_sign`] makes; another salt length is refused.
pub(super) fn pss_verify(key: &PKeyRef<impl HasPublic>, message: &[u8], signature: &[u8]) -> Result<()> {
    let verify = || {
        let mut verifier = Verifier::new(MessageDigest::sha256(), key)?;
        verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
        verifier.set_rsa_mgf1_md(MessageDigest::sha256())?;
        verifier.set_rsa_pss_saltlen(RsaPssSaltlen::custom(SALT_BYTES))?;
        verifier.verify_oneshot(signature, message)
    };
    // OpenSSL also takes one without its leading zeros, which would be another signature of the same.
    if signature.len() != key.size() {
        return Err(CryptoError::Signature);
    }
    match verify() {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(CryptoError::Signature),
    }
}

/// Encrypts by RSA-OAEP: SHA-256, MGF1 with SHA-256, bound to `label` (RFC 8017, 7.1).
pub(super) fn oaep_encrypt(key: &PKeyRef<impl HasPublic>, label: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    let encrypt = || {
        let mut context = PkeyCtx::new(key)?;
        context.encrypt_init()?;
        set_oaep(&mut context, label)?;
        let mut ciphertext = Vec::new();
        context.encrypt_to_vec(plaintext, &mut ciphertext)?;
        Ok(ciphertext)
    };
    encrypt().map_err(|_: ErrorStack| CryptoError::Backend)
}

/// Opens what [`oaep_encrypt`] makes. Every failure is the same failure.
pub(super) fn oaep_decrypt(key: &PKeyRef<Private>, label: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    // As large as it can get from the start, so that no copy of the plaintext is left behind.
    let mut plaintext = Zeroizing::new(vec![0; key.size()]);
    let mut decrypt = || {
        let mut context = PkeyCtx::new(key)?;
        context.decrypt_init()?;
        set_oaep(&mut context, label)?;
        context.decrypt(ciphertext, Some(plaintext.as_mut_slice()))
    };
    // As RFC 8017 has it (7.1.2, step 1). OpenSSL also takes one without its leading zeros.
    if ciphertext.len() != key.size() {
        return Err(CryptoError::Decrypt);
    }
    let length = decrypt().map_err(|_: ErrorStack| CryptoError::Decrypt)?;
    plaintext.truncate(length);
    Ok(plaintext)
}

fn set_oaep<T>(context: &mut PkeyCtx<T>, label: &[u8]) -> std::result::Result<(), ErrorStack> {
    context.set_rsa_padding(Padding::PKCS1_OAEP)?;
    context.set_rsa_oaep_md(Md::sha256())?;
    context.set_rsa_mgf1_md(Md::sha256())?;
    // openssl 0.10.82 never frees its copy of the label under OpenSSL 3: 32 bytes an operation, and no secret.
    // None is the same as an empty one, and OpenSSL has no empty allocation to give.
    if label.is_empty() { Ok(()) } else { context.set_rsa_oaep_label(label) }
}
