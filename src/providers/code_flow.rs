//! The authorization code flow with PKCE (RFC 6749, 4.1; RFC 7636), as far as OpenID Connect and
//! GitHub share it.
//!
//! Only the tokens of a token response are read: providers differ in everything else, such as
//! `expires_in` as a string. Tokens must never reach an error.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Url;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::outgoing::{Response, one_line};
use super::{CallbackParams, Challenge, Client, ProviderError};
use crate::secret::Secret;

/// How a client with a secret authenticates at the token endpoint (RFC 6749, 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    Basic,
    RequestBody,
}

/// A successful token response.
pub struct Tokens {
    pub access_token: Secret,
    pub id_token: Option<String>,
}

/// The URL of the authorization request (RFC 6749, 4.1.1).
pub fn authorization_url(
    endpoint: &Url,
    client: &Client,
    scope: &str,
    challenge: &Challenge,
    nonce: Option<&str>,
) -> String {
    let code_challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(&challenge.verifier));
    let mut url = endpoint.clone();
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &client.id)
        .append_pair("redirect_uri", &client.redirect)
        .append_pair("scope", scope)
        .append_pair("state", &challenge.state)
        .append_pair("code_challenge", &code_challenge)
        .append_pair("code_challenge_method", "S256");
    if let Some(nonce) = nonce {
        url.query_pairs_mut().append_pair("nonce", nonce);
    }
    url.into()
}

/// Exchanges the code of a callback for tokens (RFC 6749, 4.1.3).
///
/// # Errors
///
/// [`ProviderError`]
pub async fn exchange(
    endpoint: &Url,
    client: &Client,
    auth: ClientAuth,
    params: &CallbackParams,
    challenge: &Challenge,
) -> Result<Tokens, ProviderError> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", &params.code),
        ("redirect_uri", &client.redirect),
        ("code_verifier", &challenge.verifier),
    ];
    let mut basic = None;
    match (&client.secret, auth) {
        (Some(secret), ClientAuth::Basic) => basic = Some((client.id.as_str(), secret.expose())),
        (Some(secret), ClientAuth::RequestBody) => {
            form.push(("client_id", &client.id));
            form.push(("client_secret", secret.expose()));
        }
        // A public client names itself.
        (None, _) => form.push(("client_id", &client.id)),
    }
    let response = client.outgoing.post_form(endpoint, basic, &form).await?;
    tokens(&response)
}

fn tokens(response: &Response) -> Result<Tokens, ProviderError> {
    let body = serde_json::from_slice::<Value>(&response.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    // GitHub returns 200 with an error.
    if let Some(error) = text("error") {
        let description = text("error_description").unwrap_or_default();
        return Err(ProviderError::Refused(one_line(&format!(
            "token endpoint: {error} {description}"
        ))));
    }
    response.require_success("token endpoint")?;
    // The response may contain tokens, so an error quotes none of it.
    let access_token = text("access_token").filter(|token| !token.is_empty()).ok_or_else(|| {
        ProviderError::Unusable("token endpoint: the response has no access_token".to_owned())
    })?;
    Ok(Tokens {
        access_token: Secret::new(access_token.to_owned()),
        id_token: text("id_token").map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(status: u16, body: &str) -> Response {
        Response { status: status.try_into().unwrap(), body: body.as_bytes().to_vec() }
    }

    #[test]
    fn only_the_tokens_of_a_token_response_are_read() {
        let azure = r#"{"token_type":"Bearer","expires_in":"3600","ext_expires_in":"0",
            "not_before":"1700000000","resource":["a"],"scope":5,
            "access_token":"a","id_token":"b"}"#;
        let tokens = tokens(&response(200, azure)).unwrap();
        assert_eq!(tokens.access_token.expose(), "a");
        assert_eq!(tokens.id_token.as_deref(), Some("b"));
    }

    #[test]
    fn failed_token_responses_are_distinguished_and_quote_no_token() {
        let error = |status, body: &str| tokens(&response(status, body)).map(drop).unwrap_err();
        let refused = error(400, r#"{"error":"invalid_grant","error_description":"used\nup"}"#);
        assert!(matches!(refused, ProviderError::Refused(why) if why.ends_with("grant used up")));
        let refused = error(200, r#"{"error":"bad_verification_code"}"#);
        assert!(matches!(refused, ProviderError::Refused(_)));
        assert!(matches!(error(503, "busy"), ProviderError::Unreachable(_)));
        for body in ["access_token=s3cret", r#"{"access_token":["s3cret"]}"#, "[]", ""] {
            let unusable = error(200, body);
            assert!(matches!(&unusable, ProviderError::Unusable(why) if !why.contains("s3cret")));
        }
    }
}
