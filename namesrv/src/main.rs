//! `namesrv`: starts a name server from a command line, as `mqnamesrv` does.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use namesrv::Config;
use runtime::Runtime;

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

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(io::stderr)
        .init();
    let arguments = Arguments::parse();
    let outcome = runtime::real::run(|runtime| run(runtime, arguments));
    match outcome.unwrap_or_else(|cause| Err(cause.into())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(runtime: Runtime, arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let mut config = Config::at_home(&home());
    let mut output = io::stdout();
    if let Some(file) = &arguments.config_file {
        for key in config.read_file(&*runtime.disk, file)? {
            tracing::warn!(key, "this key of RocketMQ is known, but has no effect here");
        }
        writeln!(output, "load config properties file OK, {}", file.display())?;
    }
    if arguments.print {
        write!(output, "{}", config.text())?;
        return Ok(());
    }
    let running = namesrv::start(runtime.clone(), config).await?;
    let address = running.address();
    writeln!(
        output,
        "The Name Server boot success. serializeType=JSON, address {}:{}",
        address.ip(),
        address.port()
    )?;
    output.flush()?;
    tokio::select! {
        biased;
        () = running.failed() => return Err("the listener ended by itself".into()),
        signal = runtime.tasks.asked_to_stop() => tracing::info!(signal, "stopping"),
    }
    running.stop().await;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "configuration enters in main.rs")]
fn home() -> PathBuf {
    std::env::var("HOME").map_or_else(|_| Path::new(".").to_path_buf(), PathBuf::from)
}
