# Common commands. `just` lists them.

_list:
    @just --list

# Run the server on an SQLite file.
serve *ARGS:
    cargo run --release -- serve {{ARGS}}

# Import the accounts of an InvenTree database.
import FILE *ARGS:
    cargo run --release -- import inventree --from {{FILE}} {{ARGS}}

# All tests that need only a Rust toolchain.
test *ARGS:
    cargo test --workspace {{ARGS}}

# Regenerate generated/ after a change in spec/.
generate:
    REFRESH_GENERATED=1 cargo build

# Compare the server with its document.
diff *ARGS:
    cargo run --quiet -- spec diff {{ARGS}}

# Change the document in each possible way and check that a build of the server reports or follows it.
mutation BUILDS="1" GENERATED="6":
    BUILDS={{BUILDS}} GENERATED={{GENERATED}} cargo test --test mutation -- --ignored --nocapture

# Coverage of the contract by the tests: operation x content type x security alternative x status.
coverage:
    rm -rf target/tmp/contract-coverage
    cargo test --tests
    cargo run --quiet -p tools --bin coverage

# Run Schemathesis against the release binary.
schemathesis EXAMPLES="50":
    cargo build --release
    bash tests/schemathesis/run target/release/inventree-auth {{EXAMPLES}}

# Test the API reference page in Chromium; screenshots in target/reference-page/.
reference-page:
    cargo build --release
    bash tests/reference_page/run target/release/inventree-auth

# Test the account pages in Chromium; screenshots in target/pages/, and those for the documents in docs/screens/.
pages:
    cargo build --release
    SCREENS=docs/screens bash tests/pages/run target/release/inventree-auth

# Fuzz every parser, whole requests and provider responses. --seed repeats a run.
fuzz EXECUTIONS="10000000" *ARGS="--requests 500000 --sign-ins 100000":
    cargo run --release -p tools --bin fuzz -- {{EXECUTIONS}} {{ARGS}}

# Test sign-in through a real OpenID provider in Chromium; screenshots in target/social/.
social:
    cargo build --release
    bash tests/social/run target/release/inventree-auth

# Crash test of three servers on one PostgreSQL: kill -9 of a server or the database. A seed repeats a run.
nodes ROUNDS="50" *SEED:
    cargo build --release
    cargo run --release -p tools --bin nodes -- target/release/inventree-auth {{ROUNDS}} {{SEED}}

# Benchmark servers on PostgreSQL: one against the limit of its pool, three against one.
bench-postgresql *ARGS:
    cargo build --release
    cargo build --release -p benches
    target/release/bench --postgresql {{ARGS}}

# Run a demo on a temporary database.
demo *ARGS:
    cargo run --release -- serve --demo {{ARGS}}

# Generate types, trait and client from any OpenAPI 3 document.
generate-from DOCUMENT FOLDER:
    cargo run --package specbound-cli -- generate {{DOCUMENT}} {{FOLDER}}

# The generator's verdict on each document of a folder, with time and memory.
corpus FOLDER *ARGS:
    cargo run --package specbound-codegen --example corpus -- {{FOLDER}} {{ARGS}}

# Format, then lint with warnings as errors.
lint:
    cargo fmt --all
    cargo clippy --workspace --all-targets -- -D warnings

# Check licences, bans and sources of all dependencies.
licences:
    cargo deny --all-features check licenses bans sources

# Benchmark the server against its upper limits, with up to a million accounts. Needs wrk; 9 minutes.
bench *ARGS:
    cargo build --release
    cargo build --release -p benches
    target/release/bench {{ARGS}}

# Benchmark against dj-rest-auth, fastapi-users and better-auth. Needs wrk, Python and Node; 5 minutes.
bench-peers:
    bash benches/peers/install
    cargo build --release
    cargo build --release -p benches
    target/release/bench --peers

# Measure whether response times reveal which accounts exist.
bench-timing *ARGS:
    bash benches/timing.sh {{ARGS}}

# Crash test: kill -9 at random moments loses no acknowledged write.
crash ROUNDS="20" *SEED:
    cargo build --release
    cargo run --release -p tools --bin crash -- target/release/inventree-auth {{ROUNDS}} {{SEED}}

# Overload test: ordinary clients beside 10,000 slow ones, large bodies and excess logins.
overload *ARGS:
    cargo build --release
    cargo run --release -p benches --bin overload -- target/release/inventree-auth {{ARGS}}

# Test a full disk and its recovery. Needs bwrap and curl.
full-disk:
    cargo build --release
    bash tests/full_disk/run target/release/inventree-auth

# Everything that CI checks.
ci:
    .ci/run

# Build docs/ as a book in target/book and check its links. Needs Python 3 and PyPI.
book:
    bash tests/book/run

# Check, package and build a release; --tag creates its tag. It publishes nothing.
release VERSION *ARGS:
    .ci/release {{VERSION}} {{ARGS}}
