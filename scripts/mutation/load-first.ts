/**
 * Loads the parts that a test would otherwise load when it first needs them: what such a file runs once would count as
 * watched by that one test alone, and Stryker would ask no other.
 */
import '../../src/inference/backends/transformers/load-model.ts';
import '../../src/inference/text/sentence-encoder.ts';
import '../../src/inference/text/transformer-encoder.ts';
