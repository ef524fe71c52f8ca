import { AppError } from '../../errors.ts';

const outOfMemory = /bad_alloc|bad allocation|out of memory|allocation failed|failed to allocate|invalid array length/i;

const isOutOfMemory = (error: unknown): boolean => error instanceof Error && outOfMemory.test(error.message);

/** The last net under a backend's own translation: whatever a load throws becomes an `AppError`. */
export function asLoadError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isOutOfMemory(error)) {
    return new AppError(
      'MODEL_RESOURCE',
      'Loading the model needed more memory than a runner may use; send a smaller model or raise the limit',
      { cause: error },
    );
  }
  return new AppError(
    'MODEL_LOAD_FAILED',
    'The framework could not load the model; check that it was exported for inference',
    { cause: error },
  );
}

/** As `asLoadError`, for a run. */
export function asRunError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (isOutOfMemory(error)) {
    return new AppError(
      'MODEL_RESOURCE',
      'Running the model needed more memory than a runner may use; send smaller inputs',
      { cause: error },
    );
  }
  return new AppError(
    'BACKEND_FAILED',
    'The model failed while it ran; check that the inputs are what it was trained on',
    { cause: error },
  );
}
