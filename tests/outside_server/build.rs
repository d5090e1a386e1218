fn main() {
    specbound_codegen::build("greetings.yaml");
}
