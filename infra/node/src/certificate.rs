//! SM2 requests and certificates, as irita reads them: sm2-with-sm3, DER signatures, distinguishing id 1234567812345678.

use der::asn1::{BitString, GeneralizedTime, UintRef};
use der::{Decode, DecodePem, Encode, EncodePem, pem::LineEnding};
use domain::{Class, Fault};
use sm2::dsa::signature::{Keypair, Signer, Verifier};
use sm2::dsa::{Signature, SigningKey, VerifyingKey};
use sm2::pkcs8::DecodePrivateKey;
use std::str::FromStr;
use std::time::Duration;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::{Certificate, TbsCertificate};
use x509_cert::ext::pkix::BasicConstraints;
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::request::{CertReq, RequestBuilder};
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, ObjectIdentifier, SignatureBitStringEncoding, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef,
};
use x509_cert::time::{Time, Validity};

/// The id that irita's verification is compiled with.
const DISTID: &str = "1234567812345678";
/// sm2-with-sm3.
const SM2_SM3: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.156.10197.1.501");
/// irita ignores validity dates, and the root can never be replaced: 30 years.
const ROOT_SECONDS: u64 = 30 * 365 * 86_400;
/// A node's certificate: 10 years.
const NODE_SECONDS: u64 = 10 * 365 * 86_400;

/// Text between BEGIN and END lines.
pub type Pem = String;

fn bad(what: &str) -> impl Fn(String) -> Fault + '_ {
    move |why| Fault::new(Class::InvalidInput, format!("{what}: {why}"))
}

/// sm2's own bit string is raw r||s; certificates need SEQUENCE(r, s).
struct DerSigner(SigningKey, sm2::PublicKey);
struct DerSignature(Vec<u8>);

impl Signer<DerSignature> for DerSigner {
    fn try_sign(&self, message: &[u8]) -> Result<DerSignature, sm2::dsa::signature::Error> {
        let raw = Signer::<Signature>::try_sign(&self.0, message)?.to_bytes();
        let (r, s) = raw.split_at(32);
        let encode = || -> der::Result<Vec<u8>> { vec![UintRef::new(r)?, UintRef::new(s)?].to_der() };
        encode().map(DerSignature).map_err(|_| sm2::dsa::signature::Error::new())
    }
}

impl SignatureBitStringEncoding for DerSignature {
    fn to_bitstring(&self) -> der::Result<BitString> {
        BitString::from_bytes(&self.0)
    }
}

impl Keypair for DerSigner {
    type VerifyingKey = sm2::PublicKey;
    fn verifying_key(&self) -> sm2::PublicKey {
        self.1
    }
}

impl DynSignatureAlgorithmIdentifier for DerSigner {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned { oid: SM2_SM3, parameters: None })
    }
}

fn signer(key_pem: &str) -> Result<DerSigner, Fault> {
    let secret = sm2::SecretKey::from_pkcs8_pem(key_pem).map_err(|e| bad("private key")(e.to_string()))?;
    let key = SigningKey::new(DISTID, &secret).map_err(|e| bad("private key")(e.to_string()))?;
    Ok(DerSigner(key, secret.public_key()))
}

fn name(common: &str) -> Result<Name, Fault> {
    Name::from_str(&format!("CN={common},O=consortium,C=CN")).map_err(|e| bad("name")(e.to_string()))
}

/// A certificate request for the key in `key_pem`.
pub fn request(key_pem: &str, common_name: &str) -> Result<Pem, Fault> {
    let err = |e: x509_cert::builder::Error| bad("request")(e.to_string());
    let builder = RequestBuilder::new(name(common_name)?).map_err(err)?;
    let request: CertReq = builder.build::<_, DerSignature>(&signer(key_pem)?).map_err(err)?;
    request.to_pem(LineEnding::LF).map_err(|e| bad("request")(e.to_string()))
}

/// Compressed public key, base64, of a private key.
pub fn public_key_of_private(key_pem: &str) -> Result<String, Fault> {
    Ok(compressed(&signer(key_pem)?.verifying_key()))
}

fn compressed(key: &sm2::PublicKey) -> String {
    use base64::Engine;
    use sm2::elliptic_curve::sec1::ToSec1Point;
    base64::engine::general_purpose::STANDARD.encode(key.to_sec1_point(true).as_bytes())
}

struct Profile {
    subject: Name,
    issuer: Name,
    ca: bool,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }
    fn get_subject(&self) -> Name {
        self.subject.clone()
    }
    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        // A version 3 root needs CA:TRUE; a leaf without extensions is accepted.
        let constraints = BasicConstraints { ca: true, path_len_constraint: None };
        if self.ca { Ok(vec![constraints.to_extension(tbs.subject(), &Vec::new())?]) } else { Ok(vec![]) }
    }
}

fn certificate(signer: &DerSigner, profile: Profile, key: SubjectPublicKeyInfoOwned, serial: &[u8], now: u64, seconds: u64) -> Result<Pem, Fault> {
    let err = |e: String| bad("certificate")(e);
    let time = |at| GeneralizedTime::from_unix_duration(Duration::from_secs(at)).map(Time::GeneralTime).map_err(|e| err(e.to_string()));
    let validity = Validity::new(time(now)?, time(now + seconds)?);
    let mut serial = serial.to_vec();
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x7f) | 0x40; // positive, and without leading zeros
    }
    let serial = SerialNumber::new(&serial).map_err(|e| err(e.to_string()))?;
    let builder = CertificateBuilder::new(profile, serial, validity, key).map_err(|e| err(e.to_string()))?;
    let made = builder.build::<_, DerSignature>(signer).map_err(|e| err(e.to_string()))?;
    made.to_pem(LineEnding::LF).map_err(|e| err(e.to_string()))
}

/// A new authority key from 32 random bytes, and its self-signed certificate.
pub fn new_root(entropy: &[u8], serial: &[u8], now: u64) -> Result<(Pem, Pem), Fault> {
    use sm2::pkcs8::EncodePrivateKey;
    let secret = sm2::SecretKey::from_slice(entropy).map_err(|e| bad("authority key")(e.to_string()))?;
    let key_pem = secret.to_pkcs8_pem(LineEnding::LF).map_err(|e| bad("authority key")(e.to_string()))?.to_string();
    let signer = signer(&key_pem)?;
    let public = SubjectPublicKeyInfoOwned::from_key(&signer.verifying_key()).map_err(|e| bad("authority key")(e.to_string()))?;
    let profile = Profile { subject: name("root")?, issuer: name("root")?, ca: true };
    let cert = certificate(&signer, profile, public, serial, now, ROOT_SECONDS)?;
    Ok((key_pem, cert))
}

/// Signs a request after checking that whoever made it has the key.
pub fn sign_request(root_key: &str, request_pem: &str, common_name: &str, serial: &[u8], now: u64) -> Result<Pem, Fault> {
    let request = CertReq::from_pem(request_pem.as_bytes()).map_err(|e| bad("request")(e.to_string()))?;
    let body = request.info.to_der().map_err(|e| bad("request")(e.to_string()))?;
    verify(&request.info.public_key, &body, &request.signature, "request")?;
    let profile = Profile { subject: name(common_name)?, issuer: name("root")?, ca: false };
    certificate(&signer(root_key)?, profile, request.info.public_key.clone(), serial, now, NODE_SECONDS)
}

fn verify(key: &SubjectPublicKeyInfoOwned, body: &[u8], signature: &BitString, what: &str) -> Result<(), Fault> {
    let key = public(key)?;
    let numbers = signature.as_bytes().ok_or_else(|| bad(what)("no signature".into()))?;
    let numbers: Vec<UintRef<'_>> = Vec::from_der(numbers).map_err(|e: der::Error| bad(what)(e.to_string()))?;
    let [r, s] = numbers.as_slice() else { return Err(bad(what)("signature is not two numbers".into())) };
    let mut raw = [0u8; 64];
    for (place, n) in [(0, r), (32, s)] {
        let bytes = n.as_bytes();
        if bytes.len() > 32 {
            return Err(bad(what)("signature is too long".into()));
        }
        raw[place + 32 - bytes.len()..place + 32].copy_from_slice(bytes);
    }
    let signature = Signature::from_slice(&raw).map_err(|e| bad(what)(e.to_string()))?;
    let verifier = VerifyingKey::new(DISTID, key).map_err(|e| bad(what)(e.to_string()))?;
    verifier.verify(body, &signature).map_err(|_| bad(what)("its signature does not fit its key".into()))
}

fn public(key: &SubjectPublicKeyInfoOwned) -> Result<sm2::PublicKey, Fault> {
    let bytes = key.subject_public_key.as_bytes().ok_or_else(|| bad("public key")("is empty".into()))?;
    sm2::PublicKey::from_sec1_bytes(bytes).map_err(|e| bad("public key")(e.to_string()))
}

/// Compressed public key, base64, of a certificate.
pub fn public_key_of_certificate(pem: &str) -> Result<String, Fault> {
    let cert = Certificate::from_pem(pem.as_bytes()).map_err(|e| bad("certificate")(e.to_string()))?;
    Ok(compressed(&public(cert.tbs_certificate().subject_public_key_info())?))
}

/// Checks that `root` signed `pem`, which is all that irita checks.
pub fn check_certificate(pem: &str, root: &str) -> Result<(), Fault> {
    let read = |p: &str| Certificate::from_pem(p.as_bytes()).map_err(|e| bad("certificate")(e.to_string()));
    let (cert, root) = (read(pem)?, read(root)?);
    let body = cert.tbs_certificate().to_der().map_err(|e| bad("certificate")(e.to_string()))?;
    verify(root.tbs_certificate().subject_public_key_info(), &body, cert.signature(), "certificate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_certificates_verify_and_a_foreign_root_does_not() {
        let (cert, root) = (include_str!("../tests/fixtures/cert.pem"), include_str!("../tests/fixtures/root_cert.pem"));
        let (_, other) = new_root(&[7; 32], &[1; 16], 1_790_000_000).expect("root");
        assert!(check_certificate(cert, &other).is_err());
        check_certificate(root, root).expect("the recorded root signed itself");
        // The recorded key is throwaway; irita's own certificate and ours carry the same public key.
        let key = include_str!("../tests/fixtures/key.pem");
        assert_eq!(public_key_of_private(key).expect("key"), public_key_of_certificate(cert).expect("key"));
    }

    #[test]
    fn a_request_becomes_a_certificate_of_the_same_key() {
        let key = include_str!("../tests/fixtures/key.pem");
        let csr = request(key, "node0").expect("request");
        let (root_key, root) = new_root(&[9; 32], &[2; 16], 1_790_000_000).expect("root");
        let cert = sign_request(&root_key, &csr, "node0", &[3; 16], 1_790_000_000).expect("certificate");
        check_certificate(&cert, &root).expect("root signed it");
        assert_eq!(public_key_of_certificate(&cert).expect("key"), public_key_of_private(key).expect("key"));
        let recorded = include_str!("../tests/fixtures/cer.pem");
        sign_request(&root_key, recorded, "node0", &[3; 16], 1_790_000_000).expect("openssl's request is accepted");
    }
}
