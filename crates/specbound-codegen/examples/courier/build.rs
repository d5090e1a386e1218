fn main() {
    specbound_codegen::build("courier.yaml");
}
