//! Responses in the shape that providers document.

use super::*;

/// The members that a provider documents for its responses, in the shapes that it sends.
struct Documented {
    provider: &'static str,
    metadata: Value,
    tokens: Value,
    /// Beside the standard claims, which it can replace.
    id_token: Value,
    user_info: Value,
    /// The username, the address with its proof, and the name of the new account.
    account: (&'static str, &'static str, bool, &'static str),
}

fn documented() -> Vec<Documented> {
    let named = json!({ "given_name": "Amy", "family_name": "Pond", "name": "Amy Pond" });
    let provider = |provider, id_token: Value, account| Documented {
        provider,
        metadata: json!({}),
        tokens: json!({ "scope": "openid email profile" }),
        id_token: merged(named.clone(), &id_token),
        user_info: json!({}),
        account,
    };
    let proved = ("amy", "amy@example.com", true, "Amy Pond");
    let nothing = Value::Null;
    vec![
        provider(
            "Google",
            json!({ "azp": CLIENT_ID, "hd": "example.com", "email": "amy@example.com",
                "email_verified": true, "picture": "https://example.com/a.png", "jti": "1" }),
            proved,
        ),
        Documented {
            tokens: json!({ "ext_expires_in": 3600, "refresh_token": "r", "foci": "1" }),
            ..provider(
                "Microsoft 2.0",
                json!({ "ver": "2.0", "oid": "o", "tid": "t", "uti": "u", "rh": "0.AA",
                    "email": "amy@example.com", "preferred_username": "amy@example.com",
                    "xms_edov": "1", "at_hash": nothing }),
                ("amy@example.com", "amy@example.com", false, "Amy Pond"),
            )
        },
        Documented {
            tokens: json!({ "expires_in": "3600", "ext_expires_in": "3600", "expires_on": "1",
                "not_before": "1", "resource": "00000002" }),
            ..provider(
                "Microsoft 1.0",
                json!({ "ver": "1.0", "amr": "[\"pwd\"]", "ipaddr": "192.0.2.1",
                    "upn": "amy@example.com", "unique_name": "amy@example.com",
                    "email": "amy@example.com", "auth_time": "1700000000", "at_hash": nothing }),
                ("amy", "amy@example.com", false, "Amy Pond"),
            )
        },
        provider(
            "Okta",
            json!({ "ver": 1, "jti": "ID.1", "amr": ["mfa", "pwd"], "idp": "00o", "auth_time": 1,
                "preferred_username": "amy", "email": "amy@example.com", "email_verified": true,
                "updated_at": 1, "zoneinfo": "Europe/London", "locale": "en-GB" }),
            proved,
        ),
        provider(
            "Auth0",
            json!({ "nickname": "amy", "updated_at": "2026-03-01T12:00:00.000Z",
                "email": "amy@example.com", "email_verified": true, "sid": "s",
                "https://example.com/roles": ["a"] }),
            proved,
        ),
        Documented {
            user_info: json!({ "username": "amy", "email_verified": "true",
                "phone_number_verified": "false", "email": "amy@example.com" }),
            ..provider(
                "Amazon Cognito",
                json!({ "cognito:username": "amy", "cognito:groups": ["a"], "token_use": "id",
                    "event_id": "e", "identities": [{ "userId": "1", "primary": "true" }],
                    "email_verified": "true", "address": "1 Main Street" }),
                proved,
            )
        },
        provider(
            "Keycloak",
            json!({ "azp": CLIENT_ID, "typ": "ID", "acr": "1", "sid": "s", "session_state": "s",
                "preferred_username": "amy", "email": "amy@example.com", "email_verified": true,
                "realm_access": { "roles": [] }, "address": {} }),
            proved,
        ),
        provider(
            "Zitadel",
            json!({ "aud": [CLIENT_ID, "another-client", "project"], "azp": CLIENT_ID,
                "amr": ["pwd", "mfa", "otp"], "client_id": CLIENT_ID, "c_hash": "x",
                "preferred_username": "amy", "email": "amy@example.com", "email_verified": true,
                "urn:zitadel:iam:org:project:roles": { "admin": {} }, "updated_at": 1 }),
            proved,
        ),
        provider(
            "Authentik",
            json!({ "acr": "goauthentik.io/providers/oauth2/default", "amr": ["pwd"], "uid": "u",
                "nickname": "amy", "preferred_username": "amy", "groups": ["authentik Admins"],
                "email": "amy@example.com", "email_verified": true }),
            proved,
        ),
        Documented {
            user_info: json!({ "preferred_username": "amy", "email": "amy@example.com",
                "email_verified": true, "alt_emails": ["a@example.com"], "groups": ["dev"],
                "rat": 1, "updated_at": 1 }),
            ..provider(
                "Authelia",
                json!({ "aud": [CLIENT_ID], "azp": CLIENT_ID, "amr": ["pwd"], "jti": "j",
                    "rat": 1 }),
                proved,
            )
        },
        provider(
            "GitLab",
            json!({ "sub_legacy": "x", "nickname": "amy", "preferred_username": "amy",
                "email": "amy@example.com", "email_verified": true, "groups_direct": ["a/b"],
                "profile": "https://example.com/amy", "auth_time": 1 }),
            proved,
        ),
        Documented {
            metadata: json!({ "scopes_supported": "openid", "claims_supported": null,
                "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_post"],
                "response_types_supported": { "code": true }, "ui_locales_supported": 1 }),
            tokens: json!({ "token_type": 1, "expires_in": "soon", "scope": ["openid"] }),
            ..provider(
                "odd shapes everywhere else",
                json!({ "preferred_username": "amy", "email": "amy@example.com",
                    "email_verified": true, "amr": "pwd", "auth_time": "yesterday",
                    "address": "here", "phone_number_verified": "no", "locale": ["en"],
                    "updated_at": null, "zoneinfo": 5, "birthdate": 1990 }),
                proved,
            )
        },
    ]
}

#[tokio::test]
async fn documented_provider_responses_sign_users_in() {
    for (number, documented) in documented().into_iter().enumerate() {
        let fixture = Fixture::start().await;
        let Documented { provider, metadata, tokens, id_token, user_info, account } = documented;
        fixture.provider.change(Box::new(move |path, text| {
            let more = match path {
                "/.well-known/openid-configuration" => &metadata,
                "/token" => &tokens,
                "/claims" => &id_token,
                "/userinfo" => &user_info,
                _ => return text.into_bytes(),
            };
            merged(serde_json::from_str(&text).unwrap(), more).to_string().into_bytes()
        }));
        let mut browser = fixture.browser();
        let response = browser.through("login", &Who::new(&format!("s-{number}"), json!({}))).await;
        assert!(
            browser.session.len() > 9,
            "{provider}: {} {}",
            text(&response),
            fixture.lines.text()
        );
        let (username, email, is_proved, name) = account;
        let user = browser.api("user/").await;
        assert_eq!(user["username"], username, "{provider}");
        let full_name = format!("{} {}", user["first_name"], user["last_name"]).replace('"', "");
        assert_eq!(full_name, name, "{provider}");
        let addresses = browser.api("emails/").await;
        assert_eq!(addresses["results"][0]["email"], email, "{provider}");
        assert_eq!(addresses["results"][0]["verified"], is_proved, "{provider}");
    }
}

#[tokio::test]
async fn further_audiences_need_an_authorized_party() {
    let fixture = Fixture::start().await;
    for (claims, why) in [
        (json!({ "aud": [CLIENT_ID, "another"] }), "no azp"),
        (json!({ "aud": [CLIENT_ID, "another"], "azp": "another" }), "azp"),
        (json!({ "aud": ["another"], "azp": CLIENT_ID }), "aud"),
        (json!({ "aud": { "a": CLIENT_ID } }), "aud"),
        (json!({ "azp": [CLIENT_ID] }), "azp"),
        (json!({ "exp": "99999999999" }), "exp is not a number"),
        (json!({ "exp": null }), "exp is missing"),
        (json!({ "iss": null }), "iss"),
        (json!({ "sub": 5 }), "subject of 0"),
        (json!({ "nonce": ["a"] }), "nonce"),
        (json!({ "at_hash": 5 }), "at_hash"),
    ] {
        let more = claims.clone();
        fixture.provider.change(Box::new(move |path, text| match path {
            "/claims" => merged(serde_json::from_str(&text).unwrap(), &more).to_string().into(),
            _ => text.into_bytes(),
        }));
        let response = fixture.browser().through("login", &amy()).await;
        assert_page(&response, 403, "role=\"alert\"");
        let refusals = fixture.lines.take_refusals();
        assert!(refusals.len() == 1 && refusals[0].contains(why), "{claims}: {refusals:?}");
    }
}
