//! MNIST on disk: four IDX files in one folder.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;

use super::{DataError, Dataset, idx::read_named};

/// The names of the four files as their authors chose them.
pub(super) const TRAIN: [&str; 2] = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"];
pub(super) const TEST: [&str; 2] = ["t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// MNIST, by Y. LeCun and C. Cortes: 60,000 digits to learn from and 10,000 to be measured on.
#[derive(Clone, Debug)]
pub struct Mnist {
    /// For learning, and for choosing networks and settings.
    pub train: Dataset,
    /// For reporting only.
    pub test: Dataset,
}

/// Reads MNIST from its four files in `dir`.
///
/// Each may be plain or packed (`.gz`), and spelled `train-images-idx3-ubyte` or
/// `train-images.idx3-ubyte`.
///
/// # Errors
/// See [`DataError`]; the number of digits is not checked, so a part of MNIST is read as well.
pub fn load_mnist(dir: &Path) -> Result<Mnist, DataError> {
    Ok(Mnist { train: load(dir, TRAIN)?, test: load_mnist_test(dir)? })
}

/// Reads the test half of MNIST alone; otherwise like [`load_mnist`].
///
/// # Errors
/// See [`DataError`].
pub fn load_mnist_test(dir: &Path) -> Result<Dataset, DataError> {
    load(dir, TEST)
}

/// Where Decipher keeps what it can fetch again, such as `~/.cache/decipher`; it need not exist.
///
/// None if the user has no home.
pub fn cache_dir() -> Option<PathBuf> {
    Some(etcetera::choose_base_strategy().ok()?.cache_dir().join("decipher"))
}

/// The folder with MNIST: `explicit` (`--data`), else the environment variable `DECIPHER_DATA`,
/// else the folder `mnist` in [`cache_dir`] if the four files are there.
///
/// # Errors
/// [`DataError::Missing`] if the folder was named by `explicit` or the environment and lacks a
/// file. A cache without MNIST is no error but `None`.
pub fn find_mnist(explicit: Option<&Path>) -> Result<Option<PathBuf>, DataError> {
    let named = env::var_os("DECIPHER_DATA").filter(|value| !value.is_empty()).map(PathBuf::from);
    find_among(explicit.map(Path::to_owned).or(named), cache_dir().map(|dir| dir.join("mnist")))
}

fn find_among(
    named: Option<PathBuf>,
    cache: Option<PathBuf>,
) -> Result<Option<PathBuf>, DataError> {
    let complete = |dir: &Path| {
        TRAIN.iter().chain(&TEST).try_for_each(|name| find_file(dir, name).map(|_| ()))
    };
    match named {
        Some(dir) => complete(&dir).map(|()| Some(dir)),
        None => Ok(cache.filter(|dir| complete(dir).is_ok())),
    }
}

fn load(dir: &Path, names: [&str; 2]) -> Result<Dataset, DataError> {
    // Both are looked for before either is read: a missing file is found out at once.
    let [images, labels] = names.map(|name| find_file(dir, name));
    let (images, labels) = (images?, labels?);
    let read = |path: &Path| {
        fs::read(path).map_err(|source| DataError::Io { path: path.to_owned(), source })
    };
    read_named(
        (&images.display().to_string(), read(&images)?),
        (&labels.display().to_string(), read(&labels)?),
    )
}

/// The first of the usual spellings of `name` that is a file in `dir`.
fn find_file(dir: &Path, name: &str) -> Result<PathBuf, DataError> {
    let dotted = name.replace("-idx", ".idx");
    [name, &dotted]
        .into_iter()
        .flat_map(|name| [dir.join(name), dir.join(format!("{name}.gz"))])
        .find(|path| path.is_file())
        .ok_or_else(|| DataError::Missing { path: dir.join(name) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::idx::tests::{gzip, idx};

    /// MNIST of two training and one test digit, each file in another spelling.
    fn write_small(dir: &Path) {
        let images = |n: usize| idx(&[n, 28, 28], &vec![7; n * Dataset::PIXELS]);
        fs::write(dir.join("train-images-idx3-ubyte"), images(2)).unwrap();
        fs::write(dir.join("train-labels-idx1-ubyte.gz"), gzip(&idx(&[2], &[3, 4]))).unwrap();
        fs::write(dir.join("t10k-images.idx3-ubyte"), images(1)).unwrap();
        fs::write(dir.join("t10k-labels.idx1-ubyte.gz"), gzip(&idx(&[1], &[5]))).unwrap();
    }

    #[test]
    fn all_spellings_are_found() {
        let dir = tempfile::tempdir().unwrap();
        write_small(dir.path());
        let mnist = load_mnist(dir.path()).unwrap();
        assert_eq!((mnist.train.labels(), mnist.test.labels()), (&[3, 4][..], &[5][..]));
        assert_eq!(load_mnist_test(dir.path()).unwrap(), mnist.test);
    }

    #[test]
    fn errors_name_the_file() {
        let dir = tempfile::tempdir().unwrap();
        write_small(dir.path());
        let labels = dir.path().join("train-labels-idx1-ubyte.gz");
        fs::write(&labels, gzip(&idx(&[2], &[3, 10]))).unwrap();
        let error = load_mnist(dir.path()).unwrap_err().to_string();
        assert!(error.contains("train-labels-idx1-ubyte.gz, byte 9: label 10"), "{error}");
        // A folder of the name is not the file: some archives unpack to that.
        fs::remove_file(&labels).unwrap();
        fs::create_dir(&labels).unwrap();
        let error = load_mnist(dir.path()).unwrap_err();
        assert!(matches!(error, DataError::Missing { .. }), "{error}");
        assert!(error.to_string().contains("train-labels-idx1-ubyte is missing"), "{error}");
    }

    #[test]
    fn a_named_folder_must_be_complete_but_the_cache_need_not() {
        let (whole, empty) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        write_small(whole.path());
        let (whole, empty) = (whole.path().to_owned(), empty.path().to_owned());
        assert_eq!(find_among(Some(whole.clone()), None).unwrap(), Some(whole.clone()));
        assert_eq!(find_among(None, Some(whole.clone())).unwrap(), Some(whole.clone()));
        assert_eq!(find_among(None, Some(empty.clone())).unwrap(), None);
        assert_eq!(find_among(None, None).unwrap(), None);
        // The cache does not stand in for a folder that was asked for.
        let error = find_among(Some(empty), Some(whole)).unwrap_err().to_string();
        assert!(error.contains("train-images-idx3-ubyte is missing"), "{error}");
        assert!(error.contains("--data"), "{error}");
    }
}
