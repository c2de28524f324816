//! Reads the saved tables at the start.

use runtime::{
    Disk,
    whole_file::{self, WholeFileError},
};

use crate::{Broker, Table, TableError};

/// Why the saved tables could not be taken over.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The disk refused.
    #[error(transparent)]
    File(#[from] WholeFileError),
    /// A table and its backup are both damaged. Nothing is overwritten.
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Takes over every saved table; from its backup if the file itself is damaged.
///
/// # Errors
///
/// If the disk refuses, or both are damaged.
pub fn load_tables(disk: &dyn Disk, broker: &mut Broker) -> Result<(), LoadError> {
    for table in Table::ALL {
        let path = broker.table_path(table);
        let Some(saved) = whole_file::load(disk, &path)? else { continue };
        let Err(damage) = broker.load(table, &saved) else { continue };
        match whole_file::load_backup(disk, &path)? {
            Some(backup) => {
                tracing::warn!(%damage, "its backup is used instead");
                broker.load(table, &backup)?;
            }
            None => return Err(damage.into()),
        }
    }
    Ok(())
}
