//! A software authenticator for WebAuthn: one credential on P-256, whose responses can be spoilt
//! field by field. It shares no code with the server.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

/// User present and verified.
const FLAGS: u8 = 0x05;
const ATTESTED: u8 = 0x40;

/// The fields are as they should be until a test changes them.
pub struct Authenticator {
    key: EcdsaKeyPair,
    pub credential_id: Vec<u8>,
    /// Sent to the server as the user handle.
    pub user_handle: String,
    pub origin: String,
    pub cross_origin: bool,
    /// In place of the RP id of the options.
    pub rp_id: Option<String>,
    /// In place of the ceremony's type.
    pub kind: Option<String>,
    /// In place of the challenge of the options.
    pub challenge: Option<String>,
    pub flags: u8,
    /// Sent with the next response; 0 stays 0.
    pub counter: u32,
}

impl Authenticator {
    pub fn new(origin: &str) -> Authenticator {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let credential_id = digest(&SHA256, key.public_key().as_ref()).as_ref()[..20].to_vec();
        Authenticator {
            key,
            credential_id,
            user_handle: String::new(),
            origin: origin.to_owned(),
            cross_origin: false,
            rp_id: None,
            kind: None,
            challenge: None,
            flags: FLAGS,
            counter: 1,
        }
    }

    /// The body that adds the credential, for the options of the server. Counts up.
    pub fn create(&mut self, options: &Value, name: &str) -> Value {
        self.user_handle = options["user"]["id"].as_str().unwrap_or_default().to_owned();
        let point = self.key.public_key().as_ref();
        let mut data = self.data(options, self.flags | ATTESTED);
        data.extend([0; 16]);
        data.extend(u16::try_from(self.credential_id.len()).unwrap().to_be_bytes());
        data.extend(&self.credential_id);
        data.extend([0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 0x20]);
        data.extend(&point[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&point[33..65]);
        self.count_up();
        json!({
            "name": name,
            "state": options["state"],
            "id": BASE64.encode(&self.credential_id),
            "client_data": BASE64.encode(self.client_data(options, "webauthn.create")),
            "authenticator_data": BASE64.encode(data),
        })
    }

    /// The body that proves the credential. Counts up.
    pub fn get(&mut self, options: &Value) -> Value {
        let data = self.data(options, self.flags);
        let client_data = self.client_data(options, "webauthn.get");
        let signed = [data.as_slice(), digest(&SHA256, &client_data).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        self.count_up();
        json!({
            "state": options["state"],
            "id": BASE64.encode(&self.credential_id),
            "client_data": BASE64.encode(client_data),
            "authenticator_data": BASE64.encode(data),
            "signature": BASE64.encode(signature),
            "user_handle": self.user_handle,
        })
    }

    fn count_up(&mut self) {
        if self.counter > 0 {
            self.counter += 1;
        }
    }

    fn data(&self, options: &Value, flags: u8) -> Vec<u8> {
        let named = options["rp_id"].as_str().unwrap_or_default();
        let rp_id = self.rp_id.as_deref().unwrap_or(named);
        let mut data = digest(&SHA256, rp_id.as_bytes()).as_ref().to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    fn client_data(&self, options: &Value, kind: &str) -> Vec<u8> {
        let challenge = options["challenge"].as_str().unwrap_or_default();
        let data = json!({
            "type": self.kind.as_deref().unwrap_or(kind),
            "challenge": self.challenge.as_deref().unwrap_or(challenge),
            "origin": self.origin,
            "crossOrigin": self.cross_origin,
        });
        data.to_string().into_bytes()
    }
}
