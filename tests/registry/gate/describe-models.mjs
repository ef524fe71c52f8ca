// Run as a process of its own, since a model that the gate should have refused can end it. Reads paths of ONNX files,
// one a line; writes what onnxruntime-node says of each as one line of JSON.
import { createInterface } from 'node:readline';
import { InferenceSession } from 'onnxruntime-node';

for await (const file of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const session = await InferenceSession.create(file, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    answer = { inputs: session.inputMetadata, outputs: session.outputMetadata };
    await session.release();
  } catch (error) {
    answer = { error: String(error.message) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
