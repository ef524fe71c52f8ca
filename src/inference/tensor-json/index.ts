export { type FeaturesOptions, featuresToTensors } from './features-to-tensors.ts';
export { type JsonElement, type JsonRows, rowsOf, type TensorJson, tensorToJson } from './tensor-to-json.ts';
