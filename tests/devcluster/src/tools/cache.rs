//! The directory of downloaded and built tools, shared by all checkouts and all processes of a user.
//!
//! A tool appears in it by rename, so a tool that is there is whole. No tool in it is ever changed or deleted.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::module::{Module, module};
use super::{Tool, ToolError};

/// The cache.
#[derive(Debug)]
pub(super) struct Cache(PathBuf);

/// Held while the tools of a module are downloaded or built; other processes wait for it.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the open file")] File);

impl Cache {
    pub(super) fn open() -> Result<Self, ToolError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        root(variable("SEINODE_DEVCLUSTER_CACHE"), variable("XDG_CACHE_HOME"), variable("HOME"))
            .map(Self)
            .ok_or(ToolError::NoCache)
    }

    /// The binary of `tool`, if the cache has it.
    pub(super) fn program(&self, tool: Tool) -> Option<PathBuf> {
        Some(self.binary(tool)).filter(|path| path.is_file())
    }

    /// The directory of a module's tools.
    pub(super) fn directory(&self, module: &Module) -> PathBuf {
        self.0.join(module.directory())
    }

    /// An empty directory beside the tools of `module`, for tools that are not whole yet. Only the holder of the lock uses
    /// it: whatever is there was left by a process that was killed.
    pub(super) fn scratch(&self, module: &Module) -> Result<PathBuf, ToolError> {
        let scratch = self.directory(module).join("unfinished");
        match std::fs::remove_dir_all(&scratch) {
            Err(source) if source.kind() != ErrorKind::NotFound => return Err(failed(&scratch, source)),
            _ => {}
        }
        std::fs::create_dir_all(&scratch).map_err(|source| failed(&scratch, source))?;
        Ok(scratch)
    }

    /// Moves the finished program at `path`, in the same file system, to its place.
    pub(super) fn keep(&self, tool: Tool, path: &Path) -> Result<PathBuf, ToolError> {
        let binary = self.binary(tool);
        std::fs::rename(path, &binary).map_err(|source| failed(&binary, source))?;
        Ok(binary)
    }

    /// The directory with the module's own files, written now if they are not there.
    pub(super) fn sources(&self, module: &Module) -> Result<PathBuf, ToolError> {
        let sources = self.directory(module).join("src");
        std::fs::create_dir_all(&sources).map_err(|source| failed(&sources, source))?;
        for (name, text) in module.files {
            let path = sources.join(name);
            std::fs::write(&path, text).map_err(|source| failed(&path, source))?;
        }
        Ok(sources)
    }

    /// The lock of `module`, unless another process has it. The operating system frees a dead process's.
    pub(super) fn try_lock(&self, module: &Module) -> Result<Option<Lock>, ToolError> {
        let directory = self.directory(module);
        std::fs::create_dir_all(&directory).map_err(|source| failed(&directory, source))?;
        let path = directory.join("lock");
        let file = File::create(&path).map_err(|source| failed(&path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(&path, source)),
        }
    }

    fn binary(&self, tool: Tool) -> PathBuf {
        self.directory(module(tool)).join(tool.name())
    }
}

fn failed(path: &Path, source: std::io::Error) -> ToolError {
    ToolError::Cache { path: path.to_owned(), source }
}

fn root(own: Option<OsString>, xdg: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let shared = |base: PathBuf| base.join("seinode-operator").join("tools");
    own.map(PathBuf::from)
        .or_else(|| xdg.map(|xdg| shared(PathBuf::from(xdg))))
        .or_else(|| home.map(|home| shared(PathBuf::from(home).join(".cache"))))
}

#[cfg(test)]
mod tests {
    use super::super::module::{ETCD, HELM};
    use super::*;

    #[test]
    fn our_own_variable_wins_over_the_users_cache_and_home() {
        let at = |path: &str| Some(OsString::from(path));
        let is = |path: &str| Some(PathBuf::from(path));
        assert_eq!(root(at("/own"), at("/xdg"), at("/home")), is("/own"));
        assert_eq!(root(None, at("/xdg"), at("/home")), is("/xdg/seinode-operator/tools"));
        assert_eq!(root(None, None, at("/home")), is("/home/.cache/seinode-operator/tools"));
        assert_eq!(root(None, None, None), None);
    }

    #[test]
    fn one_holder_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let (mine, theirs) = (Cache(directory.path().to_owned()), Cache(directory.path().to_owned()));
        let held = mine.try_lock(&ETCD).unwrap();
        assert!(held.is_some());
        assert!(theirs.try_lock(&ETCD).unwrap().is_none(), "two processes would build into one directory");
        assert!(theirs.try_lock(&HELM).unwrap().is_some(), "another module is free");
        drop(held);
        assert!(theirs.try_lock(&ETCD).unwrap().is_some());
    }
}
