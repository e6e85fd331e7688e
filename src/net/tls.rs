//! The protection of secure links: TLS 1.3 (RFC 8446) with raw public keys (RFC 7250) on both sides, by rustls. There
//! are no certificates: the key of a link *is* the identity's signing key, the crypto suite makes and checks its
//! signatures, and the pinned fingerprint alone decides which host is the right one.
//!
//! Nothing is left to negotiate: one signature scheme, one key exchange (with ML-KEM), two ciphers, one ALPN; no
//! tickets, no resumption, no early data, no server name, no key log.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, ClientConfig, ResolvesClientCert, Resumption};
use rustls::crypto::ring::{cipher_suite, default_provider};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, ServerConfig};
use rustls::sign::CertifiedKey;
use rustls::time_provider::TimeProvider;
use rustls::version::TLS13;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved, SignatureAlgorithm,
    SignatureScheme,
};

use super::key_exchange::X25519MlKem768;
use crate::crypto::{CryptoBackend, Domain, Fingerprint, SigningKey, VerifyingKey};
use crate::protocol::Private;

/// The name of this protocol's version inside TLS (RFC 7301). A peer without it is refused.
pub const ALPN: &[u8] = b"conversa/1";

/// The only key exchange.
pub static KEY_EXCHANGE: &dyn SupportedKxGroup = &X25519MlKem768;

/// The only signature scheme: RSA-PSS with SHA-256 and a key of OID `rsaEncryption`.
const SCHEME: SignatureScheme = SignatureScheme::RSA_PSS_SHA256;

/// The configuration of a host whose identity's signing key is `key`.
///
/// # Errors
/// Only if rustls does not accept its own parts.
pub fn host_config(key: &Arc<dyn SigningKey>) -> Result<Arc<ServerConfig>, Error> {
    let backend = key.public().kind().backend();
    let resolver = HostKey(certified(key, Domain::TlsHost));
    let mut config = ServerConfig::builder_with_details(provider(), Arc::new(NoDates))
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(AnyMember { backend }))
        .with_cert_resolver(Arc::new(resolver));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// The configuration of a client with the signing key `key` that talks only to the host with the fingerprint `pin`.
/// The client leaves any other host before it has sent its own key. What it saw is written to `verdict`.
///
/// # Errors
/// Only if rustls does not accept its own parts.
pub fn client_config(
    key: &Arc<dyn SigningKey>,
    pin: Fingerprint,
    verdict: &Arc<Verdict>,
) -> Result<Arc<ClientConfig>, Error> {
    let verifier = PinnedHost { backend: key.public().kind().backend(), pin: Some(pin), verdict: Arc::clone(verdict) };
    let resolver = AlwaysResolvesClientRawPublicKeys::new(certified(key, Domain::TlsClient));
    let config = ClientConfig::builder_with_details(provider(), Arc::new(NoDates))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(resolver));
    Ok(finish(config))
}

/// The configuration of a probe: it makes a host prove its key, writes that key's fingerprint to
/// `verdict` and hangs up. It has no key of its own to send.
///
/// # Errors
/// Only if rustls does not accept its own parts.
pub fn probe_config(backend: Arc<dyn CryptoBackend>, verdict: &Arc<Verdict>) -> Result<Arc<ClientConfig>, Error> {
    let verifier = PinnedHost { backend, pin: None, verdict: Arc::clone(verdict) };
    let config = ClientConfig::builder_with_details(provider(), Arc::new(NoDates))
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(NoKey));
    Ok(finish(config))
}

/// The name every client asks for. It is never sent: a host is known by its key, not by a name.
#[must_use]
pub fn unnamed() -> ServerName<'static> {
    ServerName::from(Ipv4Addr::UNSPECIFIED)
}

/// The proven key of the peer of a finished handshake; `None` if the peer did not also agree to
/// [`ALPN`].
#[must_use]
pub fn peer_fingerprint(connection: &rustls::CommonState) -> Option<Fingerprint> {
    let key = connection.peer_certificates().and_then(<[_]>::first)?;
    (connection.alpn_protocol() == Some(ALPN)).then(|| Fingerprint::of(key))
}

/// What a client learned about a host's key.
#[derive(Default, Debug)]
pub struct Verdict {
    seen: OnceLock<Fingerprint>,
    proven: AtomicBool,
}

impl Verdict {
    /// The key the host showed, proven or not.
    #[must_use]
    pub fn seen(&self) -> Option<Fingerprint> {
        self.seen.get().copied()
    }

    /// The key the host showed and proved to hold.
    #[must_use]
    pub fn proven(&self) -> Option<Fingerprint> {
        self.seen().filter(|_| self.proven.load(Ordering::Acquire))
    }
}

fn finish(mut config: ClientConfig) -> Arc<ClientConfig> {
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config.enable_early_data = false;
    Arc::new(config)
}

/// The keys in the handshake have no dates, and a computer that thinks it is before 1970 has a clock that TLS cannot
/// read.
#[derive(Debug)]
struct NoDates;

impl TimeProvider for NoDates {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::ZERO))
    }
}

fn provider() -> Arc<CryptoProvider> {
    let suites = vec![cipher_suite::TLS13_CHACHA20_POLY1305_SHA256, cipher_suite::TLS13_AES_256_GCM_SHA384];
    Arc::new(CryptoProvider { cipher_suites: suites, kx_groups: vec![KEY_EXCHANGE], ..default_provider() })
}

fn certified(key: &Arc<dyn SigningKey>, domain: Domain) -> Arc<CertifiedKey> {
    let spki = CertificateDer::from(key.public().spki().to_vec());
    Arc::new(CertifiedKey::new(vec![spki], Arc::new(LinkKey { key: Private::new(Arc::clone(key)), domain })))
}

/// An identity's signing key as rustls wants it.
#[derive(Clone, Debug)]
struct LinkKey {
    key: Private<Arc<dyn SigningKey>>,
    domain: Domain,
}

impl rustls::sign::SigningKey for LinkKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn rustls::sign::Signer>> {
        if offered.contains(&SCHEME) { Some(Box::new(self.clone())) } else { None }
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        SignatureAlgorithm::RSA
    }
}

impl rustls::sign::Signer for LinkKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        self.key.sign(self.domain, message).map_err(|error| Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        SCHEME
    }
}

/// Promises a raw public key, as a host insists, but has none: a probe never gets that far.
#[derive(Debug)]
struct NoKey;

impl ResolvesClientCert for NoKey {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// Gives the host's key to anybody who speaks this protocol, before anything is signed.
#[derive(Debug)]
struct HostKey(Arc<CertifiedKey>);

impl ResolvesServerCert for HostKey {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let speaks = hello.alpn().is_some_and(|mut names| names.any(|name| name == ALPN));
        speaks.then(|| Arc::clone(&self.0))
    }

    fn only_raw_public_keys(&self) -> bool {
        true
    }
}

/// The host's view of clients: any key that the suite accepts and its holder proves. The protocol decides who may
/// enter which room.
#[derive(Debug)]
struct AnyMember {
    backend: Arc<dyn CryptoBackend>,
}

impl ClientCertVerifier for AnyMember {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        spki: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        read_key(&*self.backend, spki, others)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _spki: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(unadvertised())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        check_signature(&*self.backend, Domain::TlsClient, message, spki, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SCHEME]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// The client's view of a host: the pinned key, or (without a pin) any key, which is then only inspected.
#[derive(Debug)]
struct PinnedHost {
    backend: Arc<dyn CryptoBackend>,
    pin: Option<Fingerprint>,
    verdict: Arc<Verdict>,
}

impl ServerCertVerifier for PinnedHost {
    fn verify_server_cert(
        &self,
        spki: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        read_key(&*self.backend, spki, others)?;
        let seen = *self.verdict.seen.get_or_init(|| Fingerprint::of(spki));
        // Fingerprints are compared in constant time.
        if self.pin.is_some_and(|pin| pin != seen) {
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _spki: &CertificateDer<'_>,
        _signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(unadvertised())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        spki: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let valid = check_signature(&*self.backend, Domain::TlsHost, message, spki, signed)?;
        self.verdict.proven.store(true, Ordering::Release);
        if self.pin.is_none() {
            // A probe has learned what it wanted. Failing here ends the handshake before the client's part of it.
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SCHEME]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

fn read_key(
    backend: &dyn CryptoBackend,
    spki: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
) -> Result<Arc<dyn VerifyingKey>, Error> {
    // A raw public key comes alone; more would be a certificate chain.
    if !others.is_empty() {
        return Err(Error::InvalidCertificate(CertificateError::BadEncoding));
    }
    backend.verifying_from_spki(spki).map_err(|error| {
        log::debug!("a peer's key was refused: {error}");
        Error::InvalidCertificate(CertificateError::BadEncoding)
    })
}

/// A signature that was never offered: another scheme, or TLS 1.2.
fn unadvertised() -> Error {
    PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()
}

fn check_signature(
    backend: &dyn CryptoBackend,
    domain: Domain,
    message: &[u8],
    spki: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    if signed.scheme != SCHEME {
        return Err(unadvertised());
    }
    read_key(backend, spki, &[])?
        .verify(domain, message, signed.signature())
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadSignature))?;
    Ok(HandshakeSignatureValid::assertion())
}
