# Every habitual command. `just` lists them.

_list:
    @just --list

# Run the server on the embedded database.
serve *ARGS:
    cargo run --release -- serve {{ARGS}}

# Move the accounts of an InvenTree database in.
import FILE *ARGS:
    cargo run --release -- import inventree --from {{FILE}} {{ARGS}}

# All tests that need only a Rust toolchain.
test *ARGS:
    cargo test --workspace {{ARGS}}

# Write generated/ afresh after a change of spec/.
generate:
    REFRESH_GENERATED=1 cargo build

# What differs between the document and the server.
diff *ARGS:
    cargo run --quiet -- spec diff {{ARGS}}

# What becomes of each kind of change of the document when the server is built from it.
mutation BUILDS="1" GENERATED="6":
    BUILDS={{BUILDS}} GENERATED={{GENERATED}} cargo test --test mutation -- --ignored --nocapture

# Which operation x content type x security alternative x status the tests visit.
coverage:
    rm -rf target/tmp/contract-coverage
    cargo test --tests
    cargo run --quiet --example coverage

# Schemathesis against the release binary.
schemathesis EXAMPLES="50":
    cargo build --release
    bash tests/schemathesis/run target/release/inventree-auth {{EXAMPLES}}

# The API reference page in Chromium; screenshots in target/reference-page/.
reference-page:
    cargo build --release
    bash tests/reference_page/run target/release/inventree-auth

# The account pages in Chromium; pictures in target/pages/, and those of the documents in docs/screens/.
pages:
    cargo build --release
    SCREENS=docs/screens bash tests/pages/run target/release/inventree-auth

# Spoilt inputs to every parser, so many times each; whole requests; providers' answers. --seed repeats a run.
fuzz EXECUTIONS="10000000" *ARGS="--requests 500000 --sign-ins 100000":
    cargo run --release --example fuzz -- {{EXECUTIONS}} {{ARGS}}

# Signing in through a real OpenID provider, in Chromium; pictures in target/social/.
social:
    cargo build --release
    bash tests/social/run target/release/inventree-auth

# Three servers on one PostgreSQL: kill -9 of them and of it, so many rounds; a seed repeats a run.
nodes ROUNDS="50" *SEED:
    cargo build --release --bins --examples
    target/release/examples/nodes target/release/inventree-auth {{ROUNDS}} {{SEED}}

# Servers on one PostgreSQL: one beside what its pool can do, three beside one.
bench-postgresql *ARGS:
    cargo build --release --bins --examples
    target/release/examples/bench --postgresql {{ARGS}}

# Everything to look at, on a database that goes when it stops.
demo *ARGS:
    cargo run --release -- serve --demo {{ARGS}}

# Types, trait and client of any OpenAPI 3.0 document.
generate-from DOCUMENT FOLDER:
    cargo run --package specbound-cli -- generate {{DOCUMENT}} {{FOLDER}}

# Format, then lint with warnings as errors.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Licences, bans and sources of all dependencies.
licences:
    cargo deny --all-features check licenses bans sources

# Every figure of this server beside what nothing can be faster than, with a seeded million. Needs wrk; 9 minutes.
bench *ARGS:
    cargo build --release --bins --examples
    target/release/examples/bench {{ARGS}}

# The same operations on dj-rest-auth, fastapi-users and better-auth. Needs wrk, Python and Node; 5 minutes.
bench-peers:
    bash tests/bench/peers/install
    cargo build --release --bins --examples
    target/release/examples/bench --peers

# Whether the time of an answer tells who has an account.
bench-timing *ARGS:
    bash tests/bench/timing.sh {{ARGS}}

# kill -9 at random moments under mixed writes: all that was acknowledged must be there.
crash ROUNDS="20" *SEED:
    cargo build --release
    cargo run --release --example crash -- target/release/inventree-auth {{ROUNDS}} {{SEED}}

# What becomes of the others while 10,000 clients are slow and silent, or ten times too many log in.
overload *ARGS:
    cargo build --release --bins --examples
    target/release/examples/overload target/release/inventree-auth {{ARGS}}

# A disk of 4 MB fills up and gets free again. Needs bwrap and curl.
full-disk:
    cargo build --release
    bash tests/full_disk/run target/release/inventree-auth

# Everything that CI checks.
ci:
    .ci/run

# The book of docs/, in target/book, with its links checked. Needs Python 3 and PyPI.
book:
    bash tests/book/run

# Check, package and build a release; --tag creates its tag. It publishes nothing.
release VERSION *ARGS:
    .ci/release {{VERSION}} {{ARGS}}
