//! The checked-in client and trait match the generator's output.

use serde_json::json;
use specbound_codegen::{Settings, generate, support};

const SOURCE: &str = include_str!("../../spec/inventree-auth-v291.yaml");
const USER_SOURCE: &str = include_str!("../../spec/inventree-user-v291.yaml");

/// build.rs enforces this too. Both depend on the order of keys, which `serde_json` keeps only
/// with `preserve_order`.
#[test]
fn checked_in_files_match_the_document() {
    let fresh = |source, trait_name| {
        let support = Some("crate::support");
        generate(source, &Settings { trait_name, support, ..Default::default() }).unwrap()
    };
    let (auth, user) = (fresh(SOURCE, "AuthApi"), fresh(USER_SOURCE, "UserApi"));
    let support = support([&auth, &user]).unwrap();
    let checked_in = [
        (&support, include_str!("../../generated/src/support.rs")),
        (&auth.client, include_str!("../../generated/src/client.rs")),
        (&auth.server_trait, include_str!("../../generated/server_trait.rs")),
        (&user.client, include_str!("../../generated/src/user_client.rs")),
        (&user.server_trait, include_str!("../../generated/user_trait.rs")),
    ];
    let keeps_order = json!({"b": 1, "a": 2}).to_string().starts_with("{\"b\"");
    for (fresh, checked_in) in checked_in {
        // Without `preserve_order`, the same lines come in another order.
        assert!(
            !keeps_order || fresh == checked_in,
            "generated/ is stale: REFRESH_GENERATED=1 cargo build"
        );
        assert!(
            sorted(fresh) == sorted(checked_in),
            "generated/ is stale: REFRESH_GENERATED=1 cargo build"
        );
    }
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}
