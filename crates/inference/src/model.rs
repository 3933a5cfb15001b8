//! A loaded model: contract, network and the buffers to score with.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::attribution::{self, Attribution};
use crate::encode::Encoder;
use crate::folder::{self, CONTRACT_BYTES, CONTRACT_FILE, GRAPH_BYTES};
use crate::golden::Golden;
use crate::graph::Graph;
use crate::{Contract, ModelError, Rows, Unavailable};

/// Rows that are encoded before the network runs: bounds the buffers, whatever the number of rows.
const ROWS_AT_ONCE: usize = 1_024;

/// A model that has scored its golden rows right. A clone shares contract and network and has buffers and
/// counts of its own.
#[derive(Debug, Clone)]
pub struct Model {
    contract: Arc<Contract>,
    identity: Arc<ModelIdentity>,
    encoder: Encoder,
    graph: Graph,
    out_of_range: Vec<u64>,
    /// Encoded rows that wait for the network, and where in the output each belongs.
    tensor: Vec<f32>,
    waiting: Vec<usize>,
    numbers: Vec<Option<f32>>,
}

/// Which model it is; goes into every alert that rests on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// The model's name.
    pub name: String,
    /// The model's version, from 1.
    pub version: u32,
    /// The sha256 of the network, in lower-case hex.
    pub sha256: String,
}

// === impl Model ===

impl Model {
    /// Loads the model of the folder `dir`, which must be called `<name>/<version>`, prepares it for every
    /// batch size and checks it against its golden rows. Takes milliseconds for a small network.
    ///
    /// tract may panic on a broken network; the panic is caught here, after the process's panic hook has had
    /// its say.
    ///
    /// # Errors
    /// [`ModelError`], by which the model is refused; all mended in the files of the model.
    pub fn load(dir: &Path) -> Result<Self, ModelError> {
        let path = dir.join(CONTRACT_FILE);
        let contract = Contract::parse(&path, &folder::read_text(&path, CONTRACT_BYTES)?)?;
        check_place(dir, &path, &contract)?;

        let graph_path = dir.join(&contract.file);
        let bytes = folder::read(&graph_path, GRAPH_BYTES)?;
        let sha256 = folder::sha256_hex(&bytes);
        if sha256 != contract.sha256 {
            return Err(ModelError::Digest {
                path: graph_path,
                expected: contract.sha256,
                got: sha256,
            });
        }
        let graph = Graph::load(
            &graph_path,
            &bytes,
            contract.tensor_width(),
            &contract.output.name,
        )?;

        let mut model = Self {
            identity: Arc::new(ModelIdentity {
                name: contract.model.clone(),
                version: contract.version,
                sha256,
            }),
            encoder: Encoder::new(&contract),
            graph,
            out_of_range: vec![0; contract.inputs.len()],
            tensor: Vec::new(),
            waiting: Vec::new(),
            numbers: Vec::new(),
            contract: Arc::new(contract),
        };
        let golden_path = dir.join(&model.contract.golden);
        Golden::read(&golden_path, &model.contract)?.check(&golden_path, &mut model)?;
        // Golden rows are no patients.
        model.out_of_range.fill(0);
        Ok(model)
    }

    /// Which model it is.
    #[must_use]
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// The model's contract.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// For each input, the values of scored rows that were out of range and so counted as missing.
    #[must_use]
    pub fn out_of_range(&self) -> &[u64] {
        &self.out_of_range
    }

    /// Scores `rows`. Clears `out`, then pushes for each row its probability or the reason why there is none.
    ///
    /// # Panics
    /// If the rows have another width than the contract has inputs.
    pub fn score(&mut self, rows: Rows<'_>, out: &mut Vec<Result<f64, Unavailable>>) {
        assert_eq!(
            rows.width(),
            self.encoder.width(),
            "a row has one value for each input of the contract"
        );
        out.clear();
        for row in rows.iter() {
            let counts = &mut self.out_of_range;
            match self
                .encoder
                .encode(row, &mut self.tensor, |input| counts[input] += 1)
            {
                Err(reason) => out.push(Err(reason)),
                Ok(()) => {
                    self.waiting.push(out.len());
                    out.push(Err(Unavailable::Failed));
                }
            }
            if self.waiting.len() == ROWS_AT_ONCE {
                self.run(out);
            }
        }
        self.run(out);
    }

    /// What each present input of `row` contributed to its score, largest first; `baseline` holds the
    /// patient's own baseline of each input, NaN where there is none. Definition and sign: [`Attribution`]
    /// and the notes of its module.
    ///
    /// # Errors
    /// The reason why there is no score to explain.
    ///
    /// # Panics
    /// If `row` or `baseline` has another width than the contract has inputs.
    pub fn attribute(&mut self, row: &[f64], baseline: &[f64]) -> Result<Vec<Attribution>, Unavailable> {
        assert_eq!(
            row.len(),
            self.encoder.width(),
            "a row has one value for each input of the contract"
        );
        assert_eq!(
            baseline.len(),
            self.encoder.width(),
            "a baseline has one value for each input of the contract"
        );
        let mut tensor = Vec::new();
        self.encoder.encode(row, &mut tensor, |_| {})?;
        let mut attributions = attribution::occlude(&self.encoder, row, baseline, &mut tensor);
        self.graph.run(&tensor, &mut self.numbers);
        let scores = self
            .numbers
            .iter()
            .map(|&number| probability(number))
            .collect::<Result<Vec<f64>, _>>()?;
        let (score, occluded) = scores.split_first().expect("the row itself is scored first");
        attribution::settle(&mut attributions, *score, occluded);
        Ok(attributions)
    }

    /// Runs the network on the rows that wait and puts their scores in place.
    fn run(&mut self, out: &mut [Result<f64, Unavailable>]) {
        self.graph.run(&self.tensor, &mut self.numbers);
        for (&place, &number) in self.waiting.iter().zip(&self.numbers) {
            out[place] = probability(number);
        }
        self.tensor.clear();
        self.waiting.clear();
    }
}

/// `MODEL-1`: what the network gave, if it is a probability.
fn probability(number: Option<f32>) -> Result<f64, Unavailable> {
    match number.map(f64::from) {
        None => Err(Unavailable::Failed),
        Some(number) if !number.is_finite() => Err(Unavailable::NotFinite),
        Some(number) if !(0.0..=1.0).contains(&number) => Err(Unavailable::NotAProbability),
        Some(number) => Ok(number),
    }
}

/// A folder copied by hand to a new version without a new contract would run the old model under a new name.
fn check_place(dir: &Path, contract_path: &Path, contract: &Contract) -> Result<(), ModelError> {
    let place = dir.canonicalize().map_err(|source| ModelError::Read {
        path: dir.into(),
        source,
    })?;
    if place.ends_with(Path::new(&contract.model).join(contract.version.to_string())) {
        return Ok(());
    }
    Err(ModelError::Misplaced {
        path: contract_path.into(),
        name: contract.model.clone(),
        version: contract.version,
    })
}

// === impl ModelIdentity ===

impl fmt::Display for ModelIdentity {
    /// `name@version`, as a pipeline says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.version)
    }
}
