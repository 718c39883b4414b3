/**
 * What is replayed to a model that has just come up: inference that was answered well, and nothing that leaves it
 * cold.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { WarmUps } from '../../../src/fleet/health/warm-up.ts';
import { manualClock, method, unaryCall } from '../../support/index.ts';

const made = (): WarmUps =>
  new WarmUps(() => ({ requests: 1, timeoutMs: 1000, maxBytes: 1000 }), manualClock().clock);

describe('the recording of a model', () => {
  it('is a call of inference', () => {
    for (const path of [
      '/tensorflow.serving.PredictionService/Predict',
      '/tensorflow.serving.PredictionService/Classify',
      '/inference.GRPCInferenceService/ModelInfer',
    ]) {
      const warmUps = made();
      warmUps.answered(unaryCall(Buffer.from('x'), { method: method(path) }));
      assert.equal(warmUps.has('half_plus_two'), true, path);
    }
  });

  it('is no question about it: polls of its state would keep inference from being recorded', () => {
    const warmUps = made();
    for (const path of [
      '/tensorflow.serving.ModelService/GetModelStatus',
      '/tensorflow.serving.PredictionService/GetModelMetadata',
      '/inference.GRPCInferenceService/ModelReady',
      '/inference.GRPCInferenceService/ModelMetadata',
      '/inference.GRPCInferenceService/ModelConfig',
      '/inference.GRPCInferenceService/ModelStatistics',
    ]) {
      warmUps.answered(unaryCall(Buffer.from('x'), { method: method(path) }));
      assert.equal(warmUps.has('half_plus_two'), false, path);
    }
  });
});
