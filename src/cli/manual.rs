//! `conversa manual`: the page for `man`. Its commands and options are made from the commands themselves, so that it
//! cannot lag behind them; what is written by hand, and is about the program as a whole, stands around them.
//!
//! It is no second help: what a command does is said once, in [`arguments`](super::arguments).

use std::io;

use clap::CommandFactory;
use clap_mangen::Man;

use super::arguments::Arguments;
use super::console::Console;
use crate::app::{Code, Problem, say};

/// What stands before the commands, and after them.
const BEGINNING: &str = include_str!("manual/beginning.roff");
const END: &str = include_str!("manual/end.roff");
/// Where the day of the newest version stands: in its first heading, `## 0.1.0, 2026-11-25`.
const CHANGELOG: &str = include_str!("../../docs/changelog.md");

/// Prints the page.
///
/// # Errors
/// A [`Problem`] if it cannot be made.
pub(super) fn run(console: &mut Console) -> Result<u8, Problem> {
    let page = page().map_err(|error| {
        Problem::new(Code::Unexpected, say!("The manual could not be written."), say!("")).with_detail(error)
    })?;
    console.line(page.trim_end());
    Ok(0)
}

fn page() -> io::Result<String> {
    let program = Arguments::command();
    let whole = Man::new(program.clone())
        .title("CONVERSA")
        .section("1")
        .date(release_day())
        .source(concat!("Conversa ", env!("CARGO_PKG_VERSION")))
        .manual("User Commands");
    let mut title = Vec::new();
    whole.render_title(&mut title)?;
    // It has a table; words stay whole, and lines are ragged.
    let mut page = format!("'\\\" t\n{}.nh\n.ad l\n", String::from_utf8_lossy(&title));
    page.push_str(&section(|out| whole.render_name_section(out))?);
    page.push_str(".SH SYNOPSIS\n");
    page.push_str(&body(&section(|out| whole.render_synopsis_section(out))?));
    page.push_str(BEGINNING);
    page.push_str(".SH COMMANDS\n");
    for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
        page.push_str(&about(command, "conversa")?);
    }
    page.push_str(&section(|out| whole.render_options_section(out))?);
    page.push_str(END);
    Ok(page)
}

/// A command below `above`, and those below it: what it does, how it is called, its own options.
fn about(command: &clap::Command, above: &str) -> io::Result<String> {
    let name = format!("{above} {}", command.get_name());
    // Without those that every command has, which have a section of their own.
    let own = command.clone().bin_name(&name).disable_help_flag(true).disable_help_subcommand(true);
    let has_options = own.get_arguments().next().is_some();
    let man = Man::new(own);
    let mut text = format!(".SS {name}\n");
    text.push_str(&body(&section(|out| man.render_description_section(out))?));
    text.push_str(".PP\n");
    text.push_str(&body(&section(|out| man.render_synopsis_section(out))?));
    if has_options {
        text.push_str(&body(&section(|out| man.render_options_section(out))?));
    }
    for below in command.get_subcommands() {
        text.push_str(&about(below, &name)?);
    }
    Ok(text)
}

/// A section as roff, without what each piece of it begins with: how an apostrophe is written.
fn section(render: impl Fn(&mut dyn io::Write) -> io::Result<()>) -> io::Result<String> {
    let mut written = Vec::new();
    render(&mut written)?;
    let text = String::from_utf8_lossy(&written);
    Ok(text.find(".SH ").and_then(|begin| text.get(begin..)).unwrap_or_default().to_owned())
}

/// What stands below a section's heading.
fn body(section: &str) -> String {
    section.split_once('\n').map_or("", |(_, body)| body).to_owned()
}

/// The day of the newest version, as the change log has it.
fn release_day() -> &'static str {
    let heading = CHANGELOG.lines().find_map(|line| line.strip_prefix("## "));
    heading.and_then(|heading| heading.split_once(", ")).map_or("", |(_, day)| day)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_manual_has_every_command_and_every_option_and_no_other() {
        let fonts = ["\\fB", "\\fI", "\\fR"];
        let page = fonts.iter().fold(page().unwrap(), |page, font| page.replace(font, " ")).replace("\\-", "-");
        let written: BTreeSet<&str> = page
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .filter(|word| word.strip_prefix("--").is_some_and(|name| !name.is_empty()))
            .collect();
        let mut program = Arguments::command();
        program.build();
        let mut options = BTreeSet::from(["--help".to_owned(), "--version".to_owned()]);
        collect_options(&program, &mut options);
        assert_eq!(written, options.iter().map(String::as_str).collect());
        for command in program.get_subcommands() {
            let name = command.get_name();
            let is_there = page.contains(&format!("\n.SS conversa {name}\n"));
            assert_eq!(is_there, !command.is_hide_set() && name != "help", "{name}");
        }
        assert!(page.contains("\n.SS conversa identity restore\n"), "commands below commands");
        for variable in program.get_arguments().filter_map(clap::Arg::get_env) {
            assert!(page.contains(&format!("\n.B {}\n", variable.to_string_lossy())), "{}", variable.display());
        }
    }

    #[test]
    fn the_manual_has_its_sections_once_and_names_the_version_and_its_day() {
        let page = page().unwrap();
        let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
        let once: BTreeSet<&&str> = sections.iter().collect();
        assert_eq!(once.len(), sections.len(), "{sections:?}");
        for section in ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT STATUS", "FILES", "EXAMPLES"] {
            assert!(sections.iter().any(|found| found.trim_matches('"') == section), "{section}: {sections:?}");
        }
        let title = page.lines().find(|line| line.starts_with(".TH ")).unwrap();
        assert!(title.contains(env!("CARGO_PKG_VERSION")) && release_day().len() == 10, "{title}");
        assert!(title.replace("\\-", "-").contains(release_day()), "{title}");
    }

    fn collect_options(command: &clap::Command, options: &mut BTreeSet<String>) {
        let long = command.get_arguments().filter_map(clap::Arg::get_long);
        options.extend(long.map(|name| format!("--{name}")));
        for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
            collect_options(inner, options);
        }
    }
}
