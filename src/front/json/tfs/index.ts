/** TensorFlow Serving's REST API. */
export { createRestApi } from './api.ts';
