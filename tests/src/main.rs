//! `proof`: the campaigns and the benchmark.
fn main() {}
