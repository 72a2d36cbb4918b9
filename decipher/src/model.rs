//! A trained network, and the file that holds it.
//!
//! The file is safetensors with one metadata entry, `decipher`: a JSON record of the format's
//! version, the network, how pixels become its inputs, how it was trained, and the SHA-256 of the
//! whole file (with 64 zeros in the place of the checksum itself). Weights are in single precision,
//! or in half precision if all of them are the same in it ([`Model::round_to_half`]). Any tool that
//! knows safetensors can read them; this module reads only what it can check entirely.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use decipher_nn::{Inputs, Loss, Network, Params, SparseMatrix, Workspaces, padded};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::data::Dataset;
use crate::file::write_whole;
use crate::half;

/// The version of the file format that this program writes, and the only one it reads.
pub const FORMAT_VERSION: u32 = 1;
/// Largest model file that is read, in bytes.
pub const MAX_FILE: u64 = 256 << 20;
const METADATA_KEY: &str = "decipher";
/// Stands in the file while its checksum is computed.
const NO_CHECKSUM: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// Images that are looked at together.
const CHUNK: usize = 64;

/// How a pixel (0 = paper, 255 = ink) becomes an input of the network.
///
/// As text (in recipes and model files): `binary`, `binary above 79`, `grey`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pixels {
    /// 1 where there is more ink than this, else 0.
    Binary {
        /// 0 to 254; `binary` alone means 0: any ink at all.
        above: u8,
    },
    /// The share of ink, 0 to 1.
    Grey,
}

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Pixels::Binary { above: 0 } => f.write_str("binary"),
            Pixels::Binary { above } => write!(f, "binary above {above}"),
            Pixels::Grey => f.write_str("grey"),
        }
    }
}

impl From<Pixels> for String {
    fn from(pixels: Pixels) -> String {
        pixels.to_string()
    }
}

impl TryFrom<String> for Pixels {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let above = text.strip_prefix("binary above ").and_then(|n| n.parse().ok());
        match (text.as_str(), above) {
            ("binary", _) => Ok(Pixels::Binary { above: 0 }),
            ("grey", _) => Ok(Pixels::Grey),
            (_, Some(above)) if above < u8::MAX => Ok(Pixels::Binary { above }),
            _ => Err(format!(
                "no pixels '{text}'; there are 'grey', 'binary', 'binary above N' with N from 0 to 254"
            )),
        }
    }
}

impl Pixels {
    /// The network's input for one pixel.
    #[inline]
    pub fn value(self, pixel: u8) -> f32 {
        match self {
            Pixels::Binary { above } => f32::from(u8::from(pixel > above)),
            Pixels::Grey => f32::from(pixel) * (1.0 / 255.0),
        }
    }

    /// The inputs for `images`, 784 pixels each, as a matrix of a row per image.
    pub fn inputs(self, images: &[u8]) -> SparseMatrix {
        let rows = images.chunks_exact(Dataset::PIXELS);
        SparseMatrix::from_rows(Dataset::PIXELS, rows.map(|r| r.iter().map(|&p| self.value(p))))
    }
}

/// How a model came to be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRecord {
    /// The recipe's name.
    pub recipe: String,
    /// The version of Decipher.
    pub decipher: String,
    /// The seed of weights, order and distortions.
    pub seed: u64,
    /// Epochs finished.
    pub epochs: u32,
    /// Whether its settings were changed while it ran: recipe, seed and epochs alone do not make
    /// this network again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub steered: bool,
    /// Where the digits came from.
    pub source: Source,
    /// Training digits.
    pub train_count: usize,
    /// Digits held back to look at between epochs.
    pub validation_count: usize,
    /// Mean loss of the last epoch.
    pub loss: f64,
    /// Share of the held-back digits that was right at the end, 0 to 1.
    pub validation_accuracy: f64,
}

/// Where training digits came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The 60,000 of MNIST's training set.
    Mnist,
    /// The built-in sample: the first 5,000 of them.
    Sample,
}

/// A network with its parameters and all that is needed to use it.
#[derive(Clone)]
pub struct Model {
    /// 784 values in, 10 out, or 11 if it can say "this is no digit".
    pub network: Network,
    /// The weights and biases.
    pub params: Params,
    /// What the outputs mean.
    pub loss: Loss,
    /// How pixels become inputs.
    pub pixels: Pixels,
    /// How it was trained.
    pub training: TrainingRecord,
}

/// Why a model file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The file system said no.
    #[error("model {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a whole, unchanged Decipher model.
    #[error("model {name}: {reason}")]
    Invalid {
        /// The file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record {
    format_version: u32,
    sha256: String,
    pixels: Pixels,
    layers: Vec<String>,
    loss: String,
    training: TrainingRecord,
}

/// Only as much as every version will have.
#[derive(Deserialize)]
struct Version {
    format_version: u32,
}

fn sha256(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Model {
    /// The network that is built into this library.
    ///
    /// Trained on photographs of digits and of what is none; its card is `models/README.md`.
    pub fn bundled() -> Self {
        Self::from_bytes(include_bytes!("../../models/reader.safetensors"), "(built in)")
            .expect("a test reads the built-in model")
    }

    /// The model as the bytes of a file. The same model gives the same bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let record = Record {
            format_version: FORMAT_VERSION,
            sha256: NO_CHECKSUM.into(),
            pixels: self.pixels,
            layers: self.network.layers().iter().map(|l| l.to_string()).collect(),
            loss: self.loss.name().into(),
            training: self.training.clone(),
        };
        let record = serde_json::to_string(&record).expect("a record is plain JSON");
        let specs = self.network.tensors();
        let tensors: Vec<Vec<f32>> = specs.iter().map(|s| self.params.tensor(s)).collect();
        let is_half = |v: &f32| half::to_f32(half::from_f32(*v)).to_bits() == v.to_bits();
        let dtype = if tensors.iter().flatten().all(is_half) { Dtype::F16 } else { Dtype::F32 };
        let bytes = |values: &Vec<f32>| -> Vec<u8> {
            let values = values.iter();
            match dtype {
                Dtype::F16 => values.flat_map(|&v| half::from_f32(v).to_le_bytes()).collect(),
                _ => values.flat_map(|v| v.to_le_bytes()).collect(),
            }
        };
        let data: Vec<Vec<u8>> = tensors.iter().map(bytes).collect();
        let tensors = specs.iter().zip(&data).map(|(spec, data)| {
            let view = TensorView::new(dtype, spec.shape.clone(), data);
            (&spec.name, view.expect("shape and data agree"))
        });
        // A single entry, for the order of several would be random.
        let metadata = HashMap::from([(METADATA_KEY.to_owned(), record)]);
        let mut bytes = safetensors::serialize(tensors, Some(metadata)).expect("names are unique");
        let checksum = sha256(&[&bytes]);
        let at = find(&bytes, NO_CHECKSUM.as_bytes()).expect("the record holds it");
        bytes[at..at + checksum.len()].copy_from_slice(checksum.as_bytes());
        bytes
    }

    /// Rounds all weights to half precision: the file is then half as large. What is beyond 65,504
    /// becomes that.
    pub fn round_to_half(&mut self) {
        self.params.values_mut().iter_mut().for_each(|v| *v = half::to_f32(half::from_f32(*v)));
    }

    /// Writes the model to `path`, by [`write_whole`].
    ///
    /// # Errors
    /// If the file system does not let it.
    pub fn save(&self, path: &Path) -> Result<(), ModelError> {
        write_whole(path, &self.to_bytes())
            .map_err(|source| ModelError::Io { path: path.into(), source })
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// If it cannot be read, is larger than [`MAX_FILE`], or as [`Model::from_bytes`].
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let io = |source| ModelError::Io { path: path.into(), source };
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(io)?;
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(io)?;
        if bytes.len() as u64 > MAX_FILE {
            let reason = format!("larger than {MAX_FILE} bytes, which no model of digits is");
            return Err(ModelError::Invalid { name, reason });
        }
        Self::from_bytes(&bytes, &name)
    }

    /// The model in the bytes of a file called `name`.
    ///
    /// # Errors
    /// If the bytes are cut, changed, or anything else than a model of this format version.
    pub fn from_bytes(bytes: &[u8], name: &str) -> Result<Self, ModelError> {
        parse(bytes).map_err(|reason| ModelError::Invalid { name: name.into(), reason })
    }

    /// The probability of each digit for each of `images` (784 pixels each, 0 = paper,
    /// 255 = ink), on all threads of the current rayon pool. Where the network can say "no digit",
    /// that is what is missing to 1.
    ///
    /// # Panics
    /// If `images` are not whole images.
    pub fn probabilities(&self, images: &[u8]) -> Vec<[f32; 10]> {
        self.probabilities_in(&Workspaces::default(), images)
    }

    /// As [`Model::probabilities`], in memory that stays for the next call; it is this model's alone.
    pub fn probabilities_in(&self, workspaces: &Workspaces, images: &[u8]) -> Vec<[f32; 10]> {
        assert!(images.len().is_multiple_of(Dataset::PIXELS), "images have 784 pixels each");
        let count = images.len() / Dataset::PIXELS;
        let mut all = vec![[0.0; 10]; count];
        let read = |(all, images): (&mut [[f32; 10]], &[u8])| {
            let inputs = self.pixels.inputs(images);
            let rows: Vec<u32> = (0..all.len() as u32).collect();
            workspaces.with(&self.network, all.len(), |workspace| {
                let (params, inputs) = (&self.params, Inputs::Sparse(&inputs));
                let outputs =
                    self.network.probabilities(params, self.loss, inputs, &rows, workspace);
                let outputs = outputs.chunks_exact(padded(self.network.outputs()));
                all.iter_mut().zip(outputs).for_each(|(to, from)| to.copy_from_slice(&from[..10]));
            });
        };
        if count <= CHUNK {
            // Handing it to another thread would take longer than doing it.
            read((&mut all, images));
        } else {
            let images = images.par_chunks(CHUNK * Dataset::PIXELS);
            all.par_chunks_mut(CHUNK).zip(images).for_each(read);
        }
        all
    }
}

/// What several models say together of each of `images`: the mean of their probabilities.
///
/// # Panics
/// As [`Model::probabilities`].
pub fn vote(models: &[Model], images: &[u8]) -> Vec<[f32; 10]> {
    let mut means = vec![[0.0; 10]; images.len() / Dataset::PIXELS];
    for model in models {
        for (means, said) in means.iter_mut().zip(model.probabilities(images)) {
            means.iter_mut().zip(said).for_each(|(mean, p)| *mean += p / models.len() as f32);
        }
    }
    means
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn parse(bytes: &[u8]) -> Result<Model, String> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\x80\x02") {
        return Err(
            "this is a pickle or zip file (PyTorch, numpy), which can run code when read; \
                    Decipher reads only its own safetensors files"
                .into(),
        );
    }
    let foreign =
        |e| format!("not a whole safetensors file ({e}); was it cut or is it another kind?");
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(foreign)?;
    let tensors = SafeTensors::deserialize(bytes).map_err(foreign)?;
    let metadata = header.metadata().as_ref();
    let record = metadata.and_then(|m| m.get(METADATA_KEY)).ok_or(
        "a safetensors file, but not one of Decipher's: it has no metadata entry 'decipher'",
    )?;
    let version = |e| format!("the record in its header is damaged ({e})");
    let Version { format_version } = serde_json::from_str(record).map_err(version)?;
    if format_version != FORMAT_VERSION {
        return Err(format!(
            "format version {format_version}; this program reads version {FORMAT_VERSION}"
        ));
    }
    let record: Record = serde_json::from_str(record).map_err(version)?;
    let damaged = "the checksum does not fit: the file was changed or damaged";
    let at = find(bytes, record.sha256.as_bytes()).ok_or(damaged)?;
    let end = at + record.sha256.len();
    if sha256(&[&bytes[..at], NO_CHECKSUM.as_bytes(), &bytes[end..]]) != record.sha256 {
        return Err(damaged.into());
    }
    let network = crate::recipe::network(&record.layers)?;
    let loss = Loss::named(&record.loss).ok_or_else(|| format!("no loss '{}'", record.loss))?;
    let specs = network.tensors();
    if let Some(name) = tensors.names().iter().find(|name| !specs.iter().any(|s| s.name == **name))
    {
        return Err(format!("tensor '{name}' does not belong to its network"));
    }
    let mut params = network.zeros();
    for spec in &specs {
        let tensor =
            tensors.tensor(&spec.name).map_err(|e| format!("tensor {}: {e}", spec.name))?;
        let (dtype, shape, data) = (tensor.dtype(), tensor.shape(), tensor.data());
        let values: Vec<f32> = match dtype {
            Dtype::F32 => data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::F16 => {
                let halves = data.as_chunks().0.iter().map(|b| u16::from_le_bytes(*b));
                halves.map(half::to_f32).collect()
            }
            _ => vec![],
        };
        if !matches!(dtype, Dtype::F32 | Dtype::F16) || shape != spec.shape {
            return Err(format!(
                "tensor {} is {dtype:?} {shape:?} and not F32 or F16 {:?}",
                spec.name, spec.shape
            ));
        }
        if let Some(i) = values.iter().position(|v| !v.is_finite()) {
            return Err(format!("tensor {}: value {i} is {}", spec.name, values[i]));
        }
        params.set_tensor(spec, &values);
    }
    Ok(Model { network, params, loss, pixels: record.pixels, training: record.training })
}

#[cfg(test)]
mod tests {
    use super::*;
    use decipher_nn::Init;

    fn model() -> Model {
        let network = crate::recipe::network(&["dense 2", "tanh", "dense 10"].map(String::from));
        let network = network.unwrap();
        Model {
            params: network.init(Init::Glorot, 3),
            network,
            loss: Loss::SoftmaxCrossEntropy,
            pixels: Pixels::Grey,
            training: TrainingRecord {
                recipe: "test".into(),
                decipher: "0.1.0".into(),
                seed: 3,
                epochs: 0,
                steered: false,
                source: Source::Sample,
                train_count: 0,
                validation_count: 0,
                loss: 0.1 + 0.2,
                validation_accuracy: 1.0 / 3.0,
            },
        }
    }

    fn error(bytes: &[u8]) -> String {
        Model::from_bytes(bytes, "it").err().expect("an error").to_string()
    }

    /// The bytes with `from` replaced, and a checksum that fits again.
    fn forged(from: &str, to: &str) -> Vec<u8> {
        let bytes = model().to_bytes();
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        let text = std::str::from_utf8(&bytes[8..header]).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        let old = text.split("sha256\\\":\\\"").nth(1).unwrap()[..64].to_owned();
        let text = text.replacen(from, to, 1).replace(&old, NO_CHECKSUM);
        let mut forged = (text.len() as u64).to_le_bytes().to_vec();
        forged.extend(text.bytes());
        forged.extend(&bytes[header..]);
        let checksum = sha256(&[&forged]);
        let at = find(&forged, NO_CHECKSUM.as_bytes()).unwrap();
        forged[at..at + 64].copy_from_slice(checksum.as_bytes());
        forged
    }

    #[test]
    fn a_vote_is_the_mean_of_what_each_says() {
        let digits = crate::data::sample().range(0..3);
        let [one, mut other] = [model(), model()];
        other.params = other.network.init(Init::Glorot, 4);
        let [p, q] = [&one, &other].map(|m| m.probabilities(digits.images()));
        assert_eq!(vote(std::slice::from_ref(&one), digits.images()), p);
        let both = vote(&[one, other], digits.images());
        for (i, (both, (p, q))) in both.iter().zip(p.iter().zip(&q)).enumerate() {
            assert_ne!(p, q, "digit {i}");
            assert_eq!(*both, std::array::from_fn(|d| p[d] / 2.0 + q[d] / 2.0));
        }
    }

    #[test]
    fn a_model_survives_the_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("m.safetensors");
        let model = model();
        model.save(&path).unwrap();
        model.save(&path).unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
        let back = Model::load(&path).unwrap();
        assert!(back.network == model.network && back.params.values() == model.params.values());
        assert_eq!((back.loss, back.pixels), (model.loss, model.pixels));
        assert_eq!(back.training, model.training);
        assert_eq!(back.to_bytes(), std::fs::read(&path).unwrap());
    }

    #[test]
    fn a_rounded_model_is_half_as_large_and_survives() {
        let (model, mut rounded) = (model(), model());
        rounded.round_to_half();
        let bytes = [&model, &rounded].map(Model::to_bytes);
        let data = 2 * model
            .network
            .tensors()
            .iter()
            .map(|s| s.shape.iter().product::<usize>())
            .sum::<usize>();
        assert!(
            bytes[0].len() - bytes[1].len() > data - 100,
            "{} {}",
            bytes[0].len(),
            bytes[1].len()
        );
        let back = Model::from_bytes(&bytes[1], "it").unwrap();
        assert_eq!(back.params.values(), rounded.params.values());
        assert_eq!(back.to_bytes(), bytes[1]);
        for (value, exact) in rounded.params.values().iter().zip(model.params.values()) {
            assert!((value - exact).abs() <= exact.abs() / 2048.0 + 3e-8, "{value} {exact}");
        }
    }

    #[test]
    fn a_failed_save_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a-directory");
        std::fs::create_dir_all(path.join("full")).unwrap();
        let error = model().save(&path).unwrap_err().to_string();
        assert!(error.contains("a-directory"), "{error}");
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_noticed() {
        let bytes = model().to_bytes();
        for length in (0..1200.min(bytes.len())).chain((1200..bytes.len()).step_by(97)) {
            error(&bytes[..length]);
        }
        let header = 8 + u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        for i in (0..header + 40).chain((header + 40..bytes.len()).step_by(61)) {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[i] ^= 1 << bit;
                assert!(Model::from_bytes(&flipped, "it").is_err(), "byte {i}, bit {bit}");
            }
        }
        let mut longer = bytes;
        longer.push(0);
        error(&longer);
    }

    #[test]
    fn foreign_files_are_told_what_they_are() {
        assert!(error(b"PK\x03\x04and so on").contains("pickle"));
        assert!(error(b"\x89PNG\r\n\x1a\n, an image that was renamed").contains("not a whole"));
        assert!(error(b"").contains("not a whole"));
        let other = safetensors::serialize::<&str, TensorView, _>([], None).unwrap();
        assert!(error(&other).contains("not one of Decipher's"));
    }

    #[test]
    fn a_file_with_a_fitting_checksum_is_still_checked() {
        assert!(Model::from_bytes(&forged("tanh", "relu"), "it").is_ok());
        for (from, to, sentence) in [
            ("format_version\\\":1", "format_version\\\":2", "format version 2"),
            ("tanh", "sine", "no layer 'sine'"),
            ("dense 2", "dense 3", "and not F32 or F16 [784, 3]"),
            ("dense 10", "dense 12", "10 outputs"),
            ("\"dtype\":\"F32\"", "\"dtype\":\"I32\"", " is I32 "),
            ("\"0.bias\"", "\"0.bios\"", "tensor '0.bios' does not belong"),
            ("softmax_cross_entropy", "hinge", "no loss 'hinge'"),
            ("grey", "binary above 255", "no pixels 'binary above 255'"),
            ("\\\"seed\\\"", "\\\"seeds\\\"", "seeds"),
        ] {
            let error = error(&forged(from, to));
            assert!(error.contains(sentence), "{from} -> {to}: {error}");
        }
        let mut endless = model();
        endless.params.values_mut()[0] = f32::NAN;
        assert!(error(&endless.to_bytes()).contains("value 0 is NaN"));
    }

    #[test]
    fn the_built_in_model_is_sound() {
        let model = Model::bundled();
        assert_eq!(model.network.outputs(), 11);
        assert_eq!(model.training.source, Source::Mnist);
    }
}
