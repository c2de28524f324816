//! Programs that were started, and that end when we do, however we end.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::AsyncWriteExt,
    process::{Child, ChildStdin, Command},
    sync::Mutex,
    time::{sleep, timeout},
};

use crate::error::BenchError;

/// Ends every program it was told of once its standard input does: also when we are killed.
const WATCH: &str = "trap '' INT TERM HUP
alive=' '
while read -r what pid; do
  case $what in
    +) alive=\"$alive$pid \" ;;
    -) alive=\"${alive%% $pid *} ${alive#* $pid }\" ;;
  esac
done
[ \"$alive\" = ' ' ] || kill -9 $alive 2>/dev/null";

/// A shell that outlives us by a moment.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Mutex<ChildStdin>>);

impl Watch {
    pub(crate) fn start() -> Result<Self, BenchError> {
        let mut shell = Command::new("sh").args(["-c", WATCH]).stdin(Stdio::piped()).spawn()?;
        let told = shell.stdin.take();
        told.map(|told| Self(Arc::new(Mutex::new(told))))
            .ok_or_else(|| BenchError::Program("the watching shell has no input".to_owned()))
    }

    async fn tell(&self, what: char, pid: u32) -> io::Result<()> {
        self.0.lock().await.write_all(format!("{what} {pid}\n").as_bytes()).await
    }
}

/// A running program with its output in a file. Killed when dropped.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    pub(crate) pid: u32,
    output: PathBuf,
    watch: Watch,
}

impl Program {
    /// Starts it in a directory of its own.
    pub(crate) async fn start(
        name: &'static str,
        directory: &Path,
        mut command: Command,
        watch: &Watch,
    ) -> Result<Self, BenchError> {
        fs::create_dir_all(directory)?;
        let output = directory.join(format!("{name}.out"));
        let file = File::create(&output)?;
        command.current_dir(directory).kill_on_drop(true).stdin(Stdio::null());
        command.stdout(file.try_clone()?).stderr(file);
        let child = command
            .spawn()
            .map_err(|cause| BenchError::Program(format!("{name} does not start: {cause}")))?;
        let pid = child.id().unwrap_or_default();
        watch.tell('+', pid).await?;
        Ok(Self { name, child, pid, output, watch: watch.clone() })
    }

    /// An error with its last words, if it has ended.
    pub(crate) fn must_run(&mut self) -> Result<(), BenchError> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => {
                let said = fs::read_to_string(&self.output).unwrap_or_default();
                let last: Vec<&str> = said.lines().rev().take(5).collect();
                let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
                Err(BenchError::Program(format!("{} ended, {status}:\n{last}", self.name)))
            }
        }
    }

    /// Waits until it has printed this.
    pub(crate) async fn must_say(&mut self, words: &str) -> Result<(), BenchError> {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(90) {
            if fs::read_to_string(&self.output)?.contains(words) {
                return Ok(());
            }
            self.must_run()?;
            sleep(Duration::from_millis(20)).await;
        }
        Err(BenchError::Program(format!("{} did not say `{words}` within 90 s", self.name)))
    }

    /// Stops its clock, so that it takes nothing from who is measured.
    pub(crate) async fn pause(&self) -> Result<(), BenchError> {
        signal("STOP", self.pid).await
    }

    /// Lets it go on.
    pub(crate) async fn resume(&self) -> Result<(), BenchError> {
        signal("CONT", self.pid).await
    }

    /// Asks it to stop; says how long that took.
    pub(crate) async fn stop(mut self) -> Result<Duration, BenchError> {
        let asked = Instant::now();
        signal("TERM", self.pid).await?;
        let ended = timeout(Duration::from_secs(120), self.child.wait()).await;
        let took = asked.elapsed();
        ended.map_err(|_| {
            BenchError::Program(format!("{} did not stop within 120 s of SIGTERM", self.name))
        })??;
        self.watch.tell('-', self.pid).await?;
        Ok(took)
    }

    /// Ends it at once.
    pub(crate) async fn kill(mut self) -> Result<(), BenchError> {
        self.child.kill().await?;
        self.watch.tell('-', self.pid).await?;
        Ok(())
    }
}

async fn signal(name: &str, pid: u32) -> Result<(), BenchError> {
    run("sh", &["-c", &format!("kill -{name} {pid}")]).await.map(drop)
}

/// Runs a program to its end; its output if it succeeds.
pub(crate) async fn run(program: &str, arguments: &[&str]) -> Result<String, BenchError> {
    let done = Command::new(program).args(arguments).kill_on_drop(true).output().await;
    let done = done.map_err(|cause| BenchError::Program(format!("{program}: {cause}")))?;
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    if done.status.success() {
        return Ok(said);
    }
    let wrong = String::from_utf8_lossy(&done.stderr).into_owned();
    Err(BenchError::Program(format!(
        "{program} {}: {}\n{said}{wrong}",
        arguments.join(" "),
        done.status
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_watch_ends_what_it_was_told_of_and_spares_what_was_taken_back() {
        let mut first = Command::new("sleep").arg("60").spawn().unwrap();
        let mut second = Command::new("sleep").arg("60").kill_on_drop(true).spawn().unwrap();
        let watch = Watch::start().unwrap();
        watch.tell('+', second.id().unwrap()).await.unwrap();
        watch.tell('+', first.id().unwrap()).await.unwrap();
        watch.tell('-', second.id().unwrap()).await.unwrap();
        drop(watch);
        assert!(!first.wait().await.unwrap().success());
        assert!(second.try_wait().unwrap().is_none());
    }
}
