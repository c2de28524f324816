//! Apache RocketMQ as ordinary Maven artifacts, kept beside our own build.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{error::BenchError, program};

/// The version that is measured beside.
pub(crate) const VERSION: &str = "5.5.0";

/// A Java that runs, and where the jars lie.
pub(crate) struct Jars {
    pub(crate) directory: PathBuf,
    /// First line of `java -version`.
    pub(crate) java: String,
}

/// Finds them, or fetches them once.
pub(crate) async fn find(cache: &Path) -> Result<Jars, BenchError> {
    let java = program::run("java", &["--version"]).await?;
    let java = java.lines().next().unwrap_or_default().to_owned();
    let home = cache.join(format!("rocketmq-{VERSION}"));
    let directory = home.join("lib");
    // Written last: a fetch that was cut short does not count.
    let complete = home.join("complete");
    if !complete.exists() {
        fs::create_dir_all(&directory)?;
        let pom = home.join("pom.xml");
        fs::write(&pom, pom_text())?;
        println!("fetching Apache RocketMQ {VERSION} into {}", directory.display());
        let (pom, lib) = (pom.display().to_string(), directory.display().to_string());
        let output = format!("-DoutputDirectory={lib}");
        let goal = "dependency:copy-dependencies";
        program::run("mvn", &["-q", "-B", "-ntp", "-f", &pom, goal, &output]).await?;
        fs::write(complete, VERSION)?;
    }
    Ok(Jars { directory, java })
}

fn pom_text() -> String {
    let dependency = |name: &str| {
        format!(
            "<dependency><groupId>org.apache.rocketmq</groupId><artifactId>{name}</artifactId>\
             <version>{VERSION}</version></dependency>\n"
        )
    };
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\">\n\
         <modelVersion>4.0.0</modelVersion>\n\
         <groupId>gantry</groupId><artifactId>bench-peer</artifactId><version>1</version>\n\
         <dependencies>\n{}{}</dependencies>\n</project>\n",
        dependency("rocketmq-namesrv"),
        dependency("rocketmq-broker"),
    )
}
