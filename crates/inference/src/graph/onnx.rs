//! Reading an ONNX file: what is refused by name before tract sees it, and its compilation.

use std::path::Path;
use std::sync::Arc;

use tract_onnx::Onnx;
use tract_onnx::pb::tensor_proto::DataType;
use tract_onnx::pb::tensor_shape_proto::dimension::Value as Dimension;
use tract_onnx::pb::type_proto::{Tensor as TensorType, Value as ValueType};
use tract_onnx::pb::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use tract_onnx::prelude::{
    Datum, DatumExt, Framework, InferenceModelExt, IntoRunnable, TractResult, TypedFact, TypedSimplePlan,
};

use super::guard::guarded;
use crate::ModelError;

/// Operators that draw random numbers.
const RANDOM: [&str; 6] = [
    "RandomNormal",
    "RandomNormalLike",
    "RandomUniform",
    "RandomUniformLike",
    "Multinomial",
    "Bernoulli",
];

/// An ONNX file, parsed.
pub(super) struct Network<'a> {
    path: &'a Path,
    onnx: Onnx,
    proto: ModelProto,
}

// === impl Network ===

impl<'a> Network<'a> {
    /// Parses `bytes`. The network must have a graph.
    pub(super) fn read(path: &'a Path, mut bytes: &[u8]) -> Result<Self, ModelError> {
        // Notes on inner shapes name the open batch size, which clashes with a fixed one; tract infers them
        // anyhow.
        let onnx = tract_onnx::onnx().with_ignore_value_info(true);
        let proto = guarded(|| onnx.proto_model_for_read(&mut bytes))
            .and_then(|proto| {
                if proto.graph.is_some() {
                    Ok(proto)
                } else {
                    Err("the file holds no graph".into())
                }
            })
            .map_err(|source| ModelError::Graph {
                path: path.into(),
                source,
            })?;
        Ok(Self { path, onnx, proto })
    }

    fn graph(&self) -> &GraphProto {
        self.proto
            .graph
            .as_ref()
            .expect("a network without a graph is refused when it is read")
    }

    /// Refuses operators that are too slow, not a function of their inputs, or unknown to tract.
    pub(super) fn check_operators(&self) -> Result<(), ModelError> {
        let mut graphs = vec![self.graph()];
        while let Some(graph) = graphs.pop() {
            for node in &graph.node {
                self.check_operator(node)?;
                graphs.extend(
                    node.attribute
                        .iter()
                        .flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs)),
                );
            }
        }
        Ok(())
    }

    fn check_operator(&self, node: &NodeProto) -> Result<(), ModelError> {
        let (path, operator) = (self.path.to_owned(), node.op_type.clone());
        if operator.starts_with("TreeEnsemble") {
            Err(ModelError::Trees { path, operator })
        } else if RANDOM.contains(&operator.as_str()) {
            Err(ModelError::Random { path, operator })
        } else if !self.onnx.op_register.0.contains_key(&operator) {
            Err(ModelError::Operator { path, operator })
        } else {
            Ok(())
        }
    }

    /// The one input must be f32\[N, `width`\] with N open.
    pub(super) fn check_input(&self, width: usize) -> Result<(), ModelError> {
        let graph = self.graph();
        let is_constant = |name: &str| graph.initializer.iter().any(|constant| constant.name == name);
        let inputs: Vec<_> = graph
            .input
            .iter()
            .filter(|input| !is_constant(&input.name))
            .collect();
        let [input] = inputs[..] else {
            return Err(self.disagrees("the number of inputs", "1".into(), inputs.len().to_string()));
        };
        let expected = format!("f32[N, {width}] with N open (a dynamic axis)");
        let Some(tensor) = tensor_type(input) else {
            return Err(self.disagrees("the input", expected, "no tensor of known shape".into()));
        };
        let dimensions = dimensions(tensor);
        let matches = tensor.elem_type == DataType::Float as i32 && dimensions == [None, Some(width)];
        if matches {
            Ok(())
        } else {
            Err(self.disagrees("the input", expected, in_words(tensor, &dimensions)))
        }
    }

    /// The one output must be called `name`.
    pub(super) fn check_output_name(&self, name: &str) -> Result<(), ModelError> {
        match &self.graph().output[..] {
            [output] if output.name == name => Ok(()),
            [output] => Err(self.disagrees("the output's name", name.into(), output.name.clone())),
            outputs => Err(self.disagrees("the number of outputs", "1".into(), outputs.len().to_string())),
        }
    }

    /// Compiles the network for batches of `rows`; the output must be f32\[`rows`\] or f32\[`rows`, 1\].
    pub(super) fn compile(&self, rows: usize, width: usize) -> Result<Arc<TypedSimplePlan>, ModelError> {
        let compile = || -> TractResult<(TypedFact, Arc<TypedSimplePlan>)> {
            let model = self.onnx.model_for_proto_model(&self.proto)?;
            let model = model
                .with_input_fact(0, f32::fact([rows, width]).into())?
                .into_optimized()?;
            Ok((model.output_fact(0)?.clone(), model.into_runnable()?))
        };
        let (output, plan) = guarded(compile).map_err(|source| ModelError::Graph {
            path: self.path.into(),
            source,
        })?;
        let one_a_row = output
            .shape
            .as_concrete()
            .is_some_and(|shape| shape == [rows] || shape == [rows, 1]);
        if one_a_row && output.datum_type == f32::datum_type() {
            return Ok(plan);
        }
        let expected = format!("one f32 a row: f32[{rows}] or f32[{rows}, 1]");
        Err(self.disagrees("the output", expected, format!("{output:?}")))
    }

    fn disagrees(&self, part: &'static str, expected: String, got: String) -> ModelError {
        ModelError::Shape {
            path: self.path.into(),
            part,
            expected,
            got,
        }
    }
}

fn tensor_type(value: &ValueInfoProto) -> Option<&TensorType> {
    match value.r#type.as_ref()?.value.as_ref()? {
        ValueType::TensorType(tensor) => Some(tensor),
    }
}

/// The dimensions of a tensor, none for an open one; exporters also write open ones as 0 or -1.
fn dimensions(tensor: &TensorType) -> Vec<Option<usize>> {
    let known = |dimension: &Option<Dimension>| match dimension {
        Some(Dimension::DimValue(size)) => usize::try_from(*size).ok().filter(|&size| size > 0),
        Some(Dimension::DimParam(_)) | None => None,
    };
    tensor
        .shape
        .iter()
        .flat_map(|shape| &shape.dim)
        .map(|dimension| known(&dimension.value))
        .collect()
}

fn in_words(tensor: &TensorType, dimensions: &[Option<usize>]) -> String {
    let kind = match DataType::try_from(tensor.elem_type) {
        Ok(DataType::Float) => "f32".into(),
        Ok(DataType::Double) => "f64".into(),
        Ok(other) => format!("{other:?}").to_lowercase(),
        Err(_) => format!("type {}", tensor.elem_type),
    };
    let sizes: Vec<String> = dimensions
        .iter()
        .map(|size| size.map_or_else(|| "N".into(), |size| size.to_string()))
        .collect();
    format!("{kind}[{}]", sizes.join(", "))
}
