//! The directory of built tools, shared by all checkouts and all processes of a user.
//!
//! A tool appears in it by rename, so what is there is whole. Nothing in it is ever changed or deleted.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::module::{Module, module};
use super::{Tool, ToolError};

/// The cache.
#[derive(Debug)]
pub(super) struct Cache(PathBuf);

/// Held while building a tool; other processes wait for it.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the open file")] File);

impl Cache {
    pub(super) fn open() -> Result<Self, ToolError> {
        let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        root(variable("SEINODE_DEVCLUSTER_CACHE"), variable("XDG_CACHE_HOME"), variable("HOME"))
            .map(Self)
            .ok_or(ToolError::NoCache)
    }

    /// The binary of `tool`, if it has been built.
    pub(super) fn built(&self, tool: Tool) -> Option<PathBuf> {
        Some(self.binary(tool)).filter(|path| path.is_file())
    }

    /// Where the binary of `tool` belongs.
    pub(super) fn binary(&self, tool: Tool) -> PathBuf {
        self.directory(tool).join(tool.name())
    }

    /// The directory of the module that `tool` is built from.
    pub(super) fn directory(&self, tool: Tool) -> PathBuf {
        self.0.join(module(tool).directory())
    }

    /// The directory with the module's own files, written now if they are not there.
    pub(super) fn sources(&self, tool: Tool) -> Result<PathBuf, ToolError> {
        let Module { files, .. } = module(tool);
        let sources = self.directory(tool).join("src");
        std::fs::create_dir_all(&sources).map_err(|source| failed(&sources, source))?;
        for (name, text) in *files {
            let path = sources.join(name);
            std::fs::write(&path, text).map_err(|source| failed(&path, source))?;
        }
        Ok(sources)
    }

    /// The lock for building `tool`, unless another process has it. The operating system frees a dead process's.
    pub(super) fn try_lock(&self, tool: Tool) -> Result<Option<Lock>, ToolError> {
        let directory = self.directory(tool);
        std::fs::create_dir_all(&directory).map_err(|source| failed(&directory, source))?;
        let path = directory.join("lock");
        let file = File::create(&path).map_err(|source| failed(&path, source))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(&path, source)),
        }
    }
}

pub(super) fn failed(path: &Path, source: std::io::Error) -> ToolError {
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
    use super::*;

    #[test]
    fn our_own_variable_comes_before_the_users_cache_and_that_before_home() {
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
        let held = mine.try_lock(Tool::Etcd).unwrap();
        assert!(held.is_some());
        assert!(
            theirs.try_lock(Tool::Etcd).unwrap().is_none(),
            "two processes would build into one directory"
        );
        assert!(theirs.try_lock(Tool::Kwok).unwrap().is_some(), "another module is free");
        drop(held);
        assert!(theirs.try_lock(Tool::Etcd).unwrap().is_some());
    }
}
