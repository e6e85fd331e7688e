#![no_main]

use conversa_fuzz::{Fed, run, targets};

libfuzzer_sys::fuzz_target!(|input: &[u8]| run(targets::host::run, Fed::Choices, input));
