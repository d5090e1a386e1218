//! The generated code: checked in, compiled, and in agreement with its document.

mod codegen;
mod compile_fail;
mod documents;
