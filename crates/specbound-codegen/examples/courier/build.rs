fn main() {
    specbound_codegen::build_all(&[("courier", "courier.yaml"), ("depot", "depot.yaml")]);
}
