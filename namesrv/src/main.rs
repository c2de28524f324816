//! `namesrv`: starts a name server from a command line, as `mqnamesrv` does.

use std::{
    io::{IsTerminal as _, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use namesrv::Config;
use runtime::Runtime;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// A name server for RocketMQ brokers and clients.
#[derive(Debug, Parser)]
#[command(name = "namesrv", version)]
struct Arguments {
    /// Configuration file, in Java's properties format
    #[arg(short = 'c', long = "configFile", value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// List of name servers; accepted as mqnamesrv does, and without effect
    #[arg(short = 'n', long = "namesrvAddr", value_name = "LIST")]
    namesrv_addr: Option<String>,
    /// Print every configuration item and exit
    #[arg(short = 'p', long = "printConfigItem")]
    print: bool,
}

/// Wrong arguments, a wrong file, or anything that keeps the name server from starting;
/// `mqnamesrv` ends with the same.
const EXIT_CANNOT_START: u8 = 255;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_help = !error.use_stderr();
            say(is_help, &error.render().to_string());
            return if is_help { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CANNOT_START) };
        }
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(
            EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy(),
        )
        .init();
    let outcome = runtime::real::run(|runtime| run(runtime, arguments));
    match outcome.unwrap_or_else(|cause| Err(cause.to_string())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            say(false, &format!("{why}\n"));
            ExitCode::from(EXIT_CANNOT_START)
        }
    }
}

/// Serves until it is asked to stop; else why it does not.
async fn run(runtime: Runtime, arguments: Arguments) -> Result<(), String> {
    let mut config = Config::at_home(&home());
    if let Some(file) = &arguments.config_file {
        let kept = config.read_file(&*runtime.disk, file);
        for key in kept.map_err(|error| format!("{}: {error}", file.display()))? {
            tracing::warn!(key, "this key of RocketMQ is known, but has no effect here");
        }
        say(true, &format!("load config properties file OK, {}\n", file.display()));
    }
    if arguments.print {
        say(true, &config.text());
        return Ok(());
    }
    let running = namesrv::start(runtime.clone(), config).await.map_err(|why| why.to_string())?;
    let (ip, port) = (running.address().ip(), running.address().port());
    say(true, &format!("The Name Server boot success. serializeType=JSON, address {ip}:{port}\n"));
    tokio::select! {
        biased;
        () = running.failed() => return Err("the listener ended by itself".to_owned()),
        signal = runtime.tasks.asked_to_stop() => tracing::info!(signal, "stopping"),
    }
    running.stop().await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "configuration enters in main.rs")]
fn home() -> PathBuf {
    std::env::var("HOME").map_or_else(|_| Path::new(".").to_path_buf(), PathBuf::from)
}

/// Says something to the person or script that started the process.
fn say(to_stdout: bool, text: &str) {
    let said = if to_stdout {
        let mut output = std::io::stdout();
        output.write_all(text.as_bytes()).and_then(|()| output.flush())
    } else {
        std::io::stderr().write_all(text.as_bytes())
    };
    // Nobody listens: there is nobody to tell that either.
    drop(said);
}
