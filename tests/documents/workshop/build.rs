fn main() {
    specbound_codegen::build("workshop.yaml");
}
