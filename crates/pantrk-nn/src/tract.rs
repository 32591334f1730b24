//! The tract runtime: pure Rust, on the CPU, one thread per session.
//!
//! The input shape is fixed before optimisation: tract plans its convolutions for it, and free shapes run about three times slower.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Arc;

use tract_onnx::prelude::{
    Datum as _, Framework as _, InferenceFact, InferenceModelExt as _, IntoRunnable as _,
    IntoTValue as _, Tensor, TractResult, TypedRunnableModel, TypedSimpleState, tvec,
};

use crate::ModelError;
use crate::error::one_line;
use crate::onnx;
use crate::runtime::{Plan, Runtime, Session};

/// The tract runtime.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tract;

impl Runtime for Tract {
    fn name(&self) -> &'static str {
        "tract"
    }

    fn prepare(
        &self,
        onnx: &[u8],
        shape: [usize; 4],
        path: &Path,
    ) -> Result<Box<dyn Plan>, ModelError> {
        let proto = onnx::decode(onnx, path)?;
        onnx::validate(&proto, path)?;
        let unsupported = |reason: String| ModelError::Unsupported {
            runtime: self.name(),
            reason: one_line(&reason),
            path: path.to_owned(),
        };
        let build = || -> TractResult<Arc<TypedRunnableModel>> {
            tract_onnx::onnx()
                .model_for_proto_model(&proto)?
                .with_input_fact(0, InferenceFact::dt_shape(f32::datum_type(), shape))?
                .into_optimized()?
                .into_runnable()
        };
        // tract indexes into what it reads; a hostile file must not take the program down.
        let plan = std::panic::catch_unwind(AssertUnwindSafe(build))
            .map_err(|_panic| unsupported("the file made the runtime panic".to_owned()))?
            .map_err(|error| unsupported(format!("{error:#}")))?;
        let outputs = (0..proto_outputs(&proto))
            .map(|index| {
                let fact = plan.model().output_fact(index)?;
                let shape = fact.shape.as_concrete();
                Ok(shape.map(<[usize]>::to_vec))
            })
            .collect::<TractResult<Option<Vec<_>>>>()
            .map_err(|error| unsupported(format!("{error:#}")))?
            .ok_or_else(|| unsupported("an output's shape stays open".to_owned()))?;
        Ok(Box::new(TractPlan {
            plan,
            shape,
            outputs,
        }))
    }
}

fn proto_outputs(proto: &tract_onnx::pb::ModelProto) -> usize {
    proto.graph.as_ref().map_or(0, |graph| graph.output.len())
}

#[derive(Debug)]
struct TractPlan {
    plan: Arc<TypedRunnableModel>,
    shape: [usize; 4],
    outputs: Vec<Vec<usize>>,
}

impl Plan for TractPlan {
    fn output_shapes(&self) -> &[Vec<usize>] {
        &self.outputs
    }

    fn session(&self) -> Box<dyn Session> {
        Box::new(TractSession {
            plan: Arc::clone(&self.plan),
            state: None,
            shape: self.shape,
            input: vec![0.0; self.shape.iter().product()],
            outputs: vec![Vec::new(); self.outputs.len()],
        })
    }
}

struct TractSession {
    plan: Arc<TypedRunnableModel>,
    /// Made by the first run, dropped after a failed one.
    state: Option<TypedSimpleState>,
    shape: [usize; 4],
    input: Vec<f32>,
    outputs: Vec<Vec<f32>>,
}

impl TractSession {
    fn try_run(&mut self) -> TractResult<()> {
        let mut state = match self.state.take() {
            Some(state) => state,
            None => self.plan.spawn()?,
        };
        // tract keeps its inputs alive as long as it likes, so it gets a copy: well below a hundredth of a run.
        let input = Tensor::from_shape(&self.shape, &self.input)?;
        let values = state.run(tvec![input.into_tvalue()])?;
        for (value, output) in values.iter().zip(&mut self.outputs) {
            output.clear();
            output.extend_from_slice(value.try_as_plain_ram()?.as_slice::<f32>()?);
        }
        self.state = Some(state);
        Ok(())
    }
}

impl Session for TractSession {
    fn input(&mut self) -> &mut [f32] {
        &mut self.input
    }

    fn run(&mut self) -> Result<(), String> {
        std::panic::catch_unwind(AssertUnwindSafe(|| self.try_run()))
            .map_err(|_panic| "the runtime panicked".to_owned())?
            .map_err(|error| one_line(&format!("{error:#}")))
    }

    fn output(&self, index: usize) -> &[f32] {
        self.outputs.get(index).map_or(&[], Vec::as_slice)
    }
}
