//! The links' TLS, without sockets: two rustls ends pass bytes by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it stands")]

mod bytes;
#[path = "../common/keys.rs"]
mod keys;

use std::io::{self, IoSlice, Read, Write};
use std::sync::{Arc, Mutex};

use conversa::crypto::{Fingerprint, SigningKey, Suite};
use conversa::net::tls::{
    ALPN, KEY_EXCHANGE, Verdict, client_config, host_config, peer_fingerprint, probe_config, unnamed,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{AlwaysResolvesClientRawPublicKeys, ClientConfig, ClientConnection};
use rustls::crypto::CryptoProvider;
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::{ServerConfig, ServerConnection};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, CipherSuite, DigitallySignedStruct, Error, NamedGroup, PeerIncompatible,
    ProtocolVersion, SignatureScheme,
};

use self::keys::key_bytes;

fn key(name: &str) -> Arc<dyn SigningKey> {
    Suite::Classical.backend().signing_from_pkcs8(&pkcs8(name)).unwrap().into()
}

fn pkcs8(name: &str) -> Vec<u8> {
    key_bytes(Suite::Classical, &format!("{name}.sign"))
}

fn fingerprint(name: &str) -> Fingerprint {
    Fingerprint::of(key(name).public().spki())
}

/// Two ends of a connection, and what went from one to the other.
struct Pair {
    client: ClientConnection,
    host: ServerConnection,
    from_client: Vec<u8>,
    from_host: Vec<u8>,
}

impl Pair {
    fn new(client: Arc<ClientConfig>, host: Arc<ServerConfig>) -> Self {
        Self {
            client: ClientConnection::new(client, unnamed()).unwrap(),
            host: ServerConnection::new(host).unwrap(),
            from_client: Vec::new(),
            from_host: Vec::new(),
        }
    }

    /// Passes bytes until nobody has any; the client's result and the host's.
    fn shake_hands(&mut self) -> (Result<(), Error>, Result<(), Error>) {
        let (mut client, mut host) = (Ok(()), Ok(()));
        loop {
            let to_host = output(|bytes| self.client.write_tls(bytes));
            let to_client = output(|bytes| self.host.write_tls(bytes));
            if to_host.is_empty() && to_client.is_empty() {
                return (client, host);
            }
            if host.is_ok() {
                host = input(&to_host, |bytes| {
                    let _ = self.host.read_tls(bytes).unwrap();
                    self.host.process_new_packets().map(|_| ())
                });
            }
            if client.is_ok() {
                client = input(&to_client, |bytes| {
                    let _ = self.client.read_tls(bytes).unwrap();
                    self.client.process_new_packets().map(|_| ())
                });
            }
            self.from_client.extend(to_host);
            self.from_host.extend(to_client);
        }
    }
}

fn output(mut write: impl FnMut(&mut dyn Write) -> io::Result<usize>) -> Vec<u8> {
    let mut bytes = Vec::new();
    while write(&mut bytes).unwrap() > 0 {}
    bytes
}

fn input(mut bytes: &[u8], mut read: impl FnMut(&mut dyn Read) -> Result<(), Error>) -> Result<(), Error> {
    while !bytes.is_empty() {
        read(&mut bytes)?;
    }
    Ok(())
}

/// The lengths of the TLS records in `bytes`.
fn records(mut bytes: &[u8]) -> Vec<usize> {
    let mut lengths = Vec::new();
    while let [_, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(*high) << 8 | usize::from(*low);
        lengths.push(length);
        bytes = &rest[length..];
    }
    lengths
}

fn pinned(client: &str, host: &str) -> (Arc<ClientConfig>, Arc<Verdict>) {
    let verdict = Arc::default();
    (client_config(&key(client), fingerprint(host), &verdict).unwrap(), verdict)
}

fn bo_hosts() -> Arc<ServerConfig> {
    host_config(&key("bo")).unwrap()
}

#[test]
fn both_sides_prove_their_identity_keys() {
    let (client, verdict) = pinned("ann", "bo");
    let mut pair = Pair::new(client, bo_hosts());
    assert_eq!(pair.shake_hands(), (Ok(()), Ok(())));
    assert_eq!(peer_fingerprint(&pair.client), Some(fingerprint("bo")));
    assert_eq!(peer_fingerprint(&pair.host), Some(fingerprint("ann")));
    assert_eq!(verdict.proven(), Some(fingerprint("bo")));
    assert_eq!(pair.client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    let suite = pair.client.negotiated_cipher_suite().unwrap().suite();
    assert_eq!(suite, CipherSuite::TLS13_CHACHA20_POLY1305_SHA256);
    assert_eq!(pair.client.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
    let both = pair.from_client.len() + pair.from_host.len();
    assert!(both < 4_500, "a handshake takes {both} bytes");
    let mut exported = [[0; 32]; 2];
    pair.client.export_keying_material(&mut exported[0], b"test", None).unwrap();
    pair.host.export_keying_material(&mut exported[1], b"test", None).unwrap();
    assert_eq!(exported[0], exported[1]);
}

#[test]
fn a_host_with_another_key_never_sees_the_clients() {
    let (client, verdict) = pinned("ann", "carol");
    let mut pair = Pair::new(client, bo_hosts());
    let (client, host) = pair.shake_hands();
    assert_eq!(client, Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure)));
    assert!(matches!(host, Err(Error::AlertReceived(_))), "{host:?}");
    assert_eq!(verdict.seen(), Some(fingerprint("bo")));
    assert_eq!(verdict.proven(), None);
    assert!(pair.host.peer_certificates().is_none());
    // After its hello: a change of cipher for old middleboxes, and an alert.
    assert_eq!(records(&pair.from_client)[1..], [1, 19]);
}

#[test]
fn a_probe_learns_a_proven_key_and_shows_none() {
    let verdict = Arc::default();
    let config = probe_config(Suite::Classical.backend(), &verdict).unwrap();
    let mut pair = Pair::new(config, bo_hosts());
    let (client, host) = pair.shake_hands();
    assert!(client.is_err() && matches!(host, Err(Error::AlertReceived(AlertDescription::AccessDenied))), "{host:?}");
    assert_eq!(verdict.proven(), Some(fingerprint("bo")));
    assert_eq!(records(&pair.from_client)[1..], [1, 19]);
}

#[test]
fn another_protocol_inside_tls_is_refused_before_anything_is_signed() {
    for names in [vec![], vec![b"h2".to_vec(), b"http/1.1".to_vec()], vec![b"conversa/2".to_vec()]] {
        let mut config = (*pinned("ann", "bo").0).clone();
        config.alpn_protocols = names;
        let mut pair = Pair::new(Arc::new(config), bo_hosts());
        let (client, host) = pair.shake_hands();
        assert!(host.is_err(), "{host:?}");
        assert!(matches!(client, Err(Error::AlertReceived(_))), "{client:?}");
        assert!(pair.from_host.len() < 100, "an alert is all: {} bytes", pair.from_host.len());
    }
}

#[test]
fn a_host_that_does_not_agree_to_the_protocol_is_no_peer() {
    let mut config = (*bo_hosts()).clone();
    config.alpn_protocols = Vec::new();
    let mut pair = Pair::new(pinned("ann", "bo").0, Arc::new(config));
    assert_eq!(pair.shake_hands(), (Ok(()), Ok(())));
    assert_eq!((peer_fingerprint(&pair.client), peer_fingerprint(&pair.host)), (None, None));
}

#[test]
fn a_key_must_be_accepted_by_the_suite_and_belong_to_its_holder() {
    let small = openssl::pkey::PKey::from_rsa(openssl::rsa::Rsa::generate(2048).unwrap()).unwrap();
    let small = (small.public_key_to_der().unwrap(), small.private_key_to_pkcs8().unwrap());
    let stolen = (key("bo").public().spki().to_vec(), pkcs8("ann"));
    let chain = vec![key("ann").public().spki().to_vec(); 2];
    let bad_key = Error::InvalidCertificate(CertificateError::BadEncoding);
    let bad_signature = Error::InvalidCertificate(CertificateError::BadSignature);
    let cases = [
        (vec![small.0], small.1, bad_key.clone()),
        (vec![stolen.0], stolen.1, bad_signature),
        (chain, pkcs8("ann"), bad_key),
    ];
    for (spkis, private, expected) in cases {
        let mut pair = Pair::new(client_with(spkis, private), bo_hosts());
        let (_, host) = pair.shake_hands();
        assert_eq!(host, Err(expected));
    }
}

#[test]
fn certificates_are_not_taken() {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyHost { raw: false }))
        .with_no_client_auth();
    config.alpn_protocols = vec![ALPN.to_vec()];
    let (client, host) = Pair::new(Arc::new(config), bo_hosts()).shake_hands();
    let expected = PeerIncompatible::IncorrectCertificateTypeExtension;
    assert_eq!(host, Err(Error::PeerIncompatible(expected)));
    assert_eq!(client, Err(Error::AlertReceived(AlertDescription::HandshakeFailure)));
}

#[test]
fn an_older_tls_is_refused() {
    use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode, SslVersion};
    for (version, name) in [(SslVersion::TLS1_2, "1.2"), (SslVersion::TLS1_3, "1.3 with certificates")] {
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_max_proto_version(Some(version)).unwrap();
        connector.set_verify(SslVerifyMode::NONE);
        connector.set_alpn_protos(b"\x0aconversa/1").unwrap();
        let wire = Wire::default();
        let _ = connector.build().configure().unwrap().verify_hostname(false).connect("host", wire.clone());
        let hello = wire.drained();
        assert!(hello.len() > 100, "a hello of {} bytes", hello.len());
        let mut host = ServerConnection::new(bo_hosts()).unwrap();
        host.read_tls(&mut &hello[..]).unwrap();
        let refused = host.process_new_packets();
        assert!(matches!(refused, Err(Error::PeerIncompatible(_))), "TLS {name}: {refused:?}");
        let answer = output(|bytes| host.write_tls(bytes));
        // The answer to ML-KEM's part of the hello takes 1,120; a signature would add as much again.
        assert!(answer.len() < 1_300, "nothing was signed: {} bytes", answer.len());
    }
}

/// A second implementation of the draft: OpenSSL's, with certificates, for it has no raw keys here.
#[test]
fn openssl_speaks_the_same_key_exchange_from_either_side() {
    use openssl::ssl::{HandshakeError, SslAcceptor, SslConnector, SslMethod, SslVerifyMode};
    let (certificate, private) = self_signed();
    let chain = vec![CertificateDer::from(certificate.to_der().unwrap())];
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private.private_key_to_pkcs8().unwrap()));
    let host = ServerConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let host = host.with_no_client_auth().with_single_cert(chain, der).unwrap();
    let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
    connector.set_groups_list("X25519MLKEM768").unwrap();
    connector.set_verify(SslVerifyMode::NONE);
    let wire = Wire::default();
    let configured = connector.build().configure().unwrap().verify_hostname(false);
    let Err(HandshakeError::WouldBlock(begun)) = configured.connect("host", wire.clone()) else { panic!("no hello") };
    let mut ours = ServerConnection::new(Arc::new(host)).unwrap();
    input(&wire.drained(), |bytes| ours.read_tls(bytes).map(|_| ()).map_err(|_| Error::HandshakeNotComplete)).unwrap();
    ours.process_new_packets().unwrap();
    wire.put(&output(|bytes| ours.write_tls(bytes)));
    assert!(begun.handshake().is_ok(), "OpenSSL as the client");

    let client = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let client = client.dangerous().with_custom_certificate_verifier(Arc::new(AnyHost { raw: false }));
    let mut ours = ClientConnection::new(Arc::new(client.with_no_client_auth()), unnamed()).unwrap();
    let mut acceptor = SslAcceptor::mozilla_modern_v5(SslMethod::tls_server()).unwrap();
    acceptor.set_groups_list("X25519MLKEM768").unwrap();
    acceptor.set_certificate(&certificate).unwrap();
    acceptor.set_private_key(&private).unwrap();
    let wire = Wire::default();
    wire.put(&output(|bytes| ours.write_tls(bytes)));
    let Err(HandshakeError::WouldBlock(_)) = acceptor.build().accept(wire.clone()) else { panic!("no answer") };
    input(&wire.drained(), |bytes| {
        let _ = ours.read_tls(bytes).unwrap();
        ours.process_new_packets().map(|_| ())
    })
    .unwrap();
    assert!(!ours.is_handshaking(), "OpenSSL as the host");
}

fn self_signed() -> (openssl::x509::X509, openssl::pkey::PKey<openssl::pkey::Private>) {
    let private = openssl::pkey::PKey::private_key_from_pkcs8(&pkcs8("bo")).unwrap();
    let mut builder = openssl::x509::X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_pubkey(&private).unwrap();
    builder.set_not_before(&openssl::asn1::Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&openssl::asn1::Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&private, openssl::hash::MessageDigest::sha256()).unwrap();
    (builder.build(), private)
}

#[test]
fn many_small_frames_share_a_record() {
    let mut pair = Pair::new(pinned("ann", "bo").0, bo_hosts());
    assert_eq!(pair.shake_hands(), (Ok(()), Ok(())));
    let frame = [7; 150];
    let slices = [IoSlice::new(&frame); 100];
    assert_eq!(pair.host.writer().write_vectored(&slices).unwrap(), 15_000);
    // One byte for the inner type and sixteen for the tag (RFC 8446, 5.2).
    assert_eq!(records(&output(|bytes| pair.host.write_tls(bytes))), [15_000 + 17]);
}

#[test]
fn nothing_private_is_shown_by_debug() {
    let config = bo_hosts();
    let shown = format!("{config:?} {:?}", pinned("ann", "bo"));
    // From byte 700 on, a PKCS#8 file of 3072 bits has the private exponent and the primes.
    for part in pkcs8("bo")[700..].windows(8) {
        assert!(!shown.contains(&format!("{part:?}")[1..20]) && !shown.contains(&data_encoding::HEXLOWER.encode(part)));
    }
}

/// What a rogue has that speaks the links' key exchange, and everything else that rustls can.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(CryptoProvider { kx_groups: vec![KEY_EXCHANGE], ..default_provider() })
}

/// A client with any raw public key it likes.
fn client_with(spkis: Vec<Vec<u8>>, private: Vec<u8>) -> Arc<ClientConfig> {
    let private = any_supported_type(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(private))).unwrap();
    let certified = CertifiedKey::new(spkis.into_iter().map(CertificateDer::from).collect(), private);
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyHost { raw: true }))
        .with_client_cert_resolver(Arc::new(AlwaysResolvesClientRawPublicKeys::new(Arc::new(certified))));
    config.alpn_protocols = vec![ALPN.to_vec()];
    Arc::new(config)
}

/// A careless client's view of hosts.
#[derive(Debug)]
struct AnyHost {
    raw: bool,
}

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::RSA_PSS_SHA256]
    }

    fn requires_raw_public_keys(&self) -> bool {
        self.raw
    }
}

/// OpenSSL's end of a connection: keeps what is written, and reads what was put there.
#[derive(Clone, Default, Debug)]
struct Wire {
    written: Arc<Mutex<Vec<u8>>>,
    unread: Arc<Mutex<Vec<u8>>>,
}

impl Wire {
    fn drained(&self) -> Vec<u8> {
        std::mem::take(&mut *self.written.lock().unwrap())
    }

    fn put(&self, bytes: &[u8]) {
        self.unread.lock().unwrap().extend_from_slice(bytes);
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut unread = self.unread.lock().unwrap();
        if unread.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = unread.len().min(buffer.len());
        buffer[..count].copy_from_slice(&unread[..count]);
        unread.drain(..count);
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
