//! Compiles the window's `.slint` files; a build without the window does nothing here.

fn main() {
    #[cfg(feature = "window")]
    window();
}

#[cfg(feature = "window")]
fn window() {
    // Tests find elements by their accessible labels, which needs the elements' debug information;
    // what is shipped goes without it.
    let debug_information = std::env::var("PROFILE").as_deref() != Ok("release");
    // The style is fixed, or the window would look different from one platform to the next.
    // The translations are part of the program, and are found by their English words alone.
    let configuration = slint_build::CompilerConfiguration::new()
        .with_style("fluent".into())
        .with_debug_info(debug_information)
        .with_bundled_translations("ui/lang")
        .with_default_translation_context(slint_build::DefaultTranslationContext::None);
    if let Err(problem) = slint_build::compile_with_config("ui/app-window.slint", configuration) {
        eprintln!("{problem}");
        std::process::exit(1);
    }
}
