//! The broker's process: the only place that reads the command line and the environment.

use std::{
    io::{IsTerminal as _, Write},
    path::PathBuf,
    process::ExitCode,
};

use broker::{Config, ConfigError, Host, Running};
use clap::Parser;
use protocol::properties_file;
use runtime::{Disk, Runtime};

use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// A message broker that speaks Apache RocketMQ 5.5.0.
#[derive(Parser, Debug)]
#[command(name = "broker", version, about)]
struct Arguments {
    /// Broker config properties file
    #[arg(short = 'c', long = "configFile", value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Name server address list, eg: '192.168.0.1:9876;192.168.0.2:9876'
    #[arg(short = 'n', long = "namesrvAddr", value_name = "LIST")]
    namesrv_addr: Option<String>,
    /// Print all config items and exit
    #[arg(short = 'p', long = "printConfigItem")]
    print_all: bool,
    /// Print important config items and exit
    #[arg(short = 'm', long = "printImportantConfig")]
    print_important: bool,
}

/// Wrong arguments, a wrong file, or anything that keeps the broker from starting; `mqbroker` ends
/// with the same two.
const EXIT_CANNOT_START: u8 = 255;
const EXIT_WRONG_ADDRESS: u8 = 253;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let is_help = !error.use_stderr();
            say(is_help, &error.render().to_string());
            return if is_help { ExitCode::SUCCESS } else { ExitCode::from(EXIT_CANNOT_START) };
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure { text, code }) => {
            say(false, &format!("{text}\n"));
            ExitCode::from(code)
        }
    }
}

/// Why the process ends, and how.
struct Failure {
    text: String,
    code: u8,
}

impl Failure {
    fn new(text: impl ToString) -> Self {
        Self { text: text.to_string(), code: EXIT_CANNOT_START }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(
            EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).from_env_lossy(),
        )
        .init();
    runtime::real::run(|runtime| async move {
        let config = configure(&runtime, arguments)?;
        if arguments.print_all || arguments.print_important {
            say(true, &config.print(!arguments.print_all));
            return Ok(());
        }
        let running = broker::start(runtime.clone(), config).await.map_err(Failure::new)?;
        announce(&running);
        let asked = runtime.tasks.asked_to_stop().await;
        tracing::info!(%asked, "the broker stops");
        running.stop().await.map_err(Failure::new)
    })
    .map_err(Failure::new)?
}

/// The file, then the environment, then the command line: the later wins.
fn configure(runtime: &Runtime, arguments: &Arguments) -> Result<Config, Failure> {
    let host = Host {
        name: runtime.net.host_name(),
        address: runtime.net.local_address().to_string(),
        home: environment("HOME").unwrap_or_else(|| ".".to_owned()),
        cores: std::thread::available_parallelism()
            .map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX)),
        process: std::process::id(),
    };
    let file = match &arguments.config_file {
        Some(path) => read(&*runtime.disk, path)?,
        None => bytes::Bytes::new(),
    };
    let (mut config, unhonoured) = Config::read(&file, host).map_err(|error| {
        let path = arguments.config_file.as_deref().unwrap_or_else(|| "".as_ref());
        Failure::new(format!("{}: {error}", path.display()))
    })?;
    for key in unhonoured {
        tracing::warn!(%key, "RocketMQ has this key, but this broker does not honour it yet");
    }
    let listed = arguments.namesrv_addr.clone().or_else(|| {
        let given = properties_file::read(&file).unwrap_or_default();
        let is_given = given.iter().any(|property| property.key == "namesrvAddr");
        environment("NAMESRV_ADDR").filter(|_| !is_given)
    });
    if let Some(list) = listed {
        config.set("namesrvAddr", &list).map_err(Failure::new)?;
    }
    config.check().map_err(|error| Failure {
        code: match error {
            ConfigError::NameServers { .. } => EXIT_WRONG_ADDRESS,
            _ => EXIT_CANNOT_START,
        },
        text: error.to_string(),
    })?;
    Ok(match &arguments.config_file {
        Some(path) => config.from_file(path.clone(), file),
        None => config,
    })
}

fn read(disk: &dyn Disk, path: &std::path::Path) -> Result<bytes::Bytes, Failure> {
    let failed =
        |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
    let bytes = disk.entry(path).map_err(|error| failed(&error))?.len;
    properties_file::check_len(bytes).map_err(|error| failed(&error))?;
    disk.read(path).map_err(|error| failed(&error))
}

#[expect(clippy::disallowed_methods, reason = "configuration enters here")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The line that scripts wait for.
fn announce(running: &Running) {
    let Some((name, address, name_servers)) = running.describe() else { return };
    let mut line = format!("The broker[{name}, {address}] boot success. serializeType=JSON");
    if !name_servers.is_empty() {
        line.push_str(" and name server is ");
        line.push_str(&name_servers);
    }
    line.push('\n');
    say(true, &line);
}

/// Says something to the person or script that started the process.
fn say(to_stdout: bool, text: &str) {
    let said = if to_stdout {
        std::io::stdout().write_all(text.as_bytes())
    } else {
        std::io::stderr().write_all(text.as_bytes())
    };
    // Nobody listens: there is nobody to tell that either.
    drop(said);
}
