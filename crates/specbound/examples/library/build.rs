fn main() {
    specbound_codegen::build("library.yaml");
}
