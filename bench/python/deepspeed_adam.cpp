// Steps of DeepSpeed's CPU Adam, many within one call, so that calling from Python costs nothing.
#include "cpu_adam.h"

static void open(float lr, float beta1, float beta2, float eps, float decay, bool decoupled) {
  create_adam_optimizer(0, lr, beta1, beta2, eps, decay, decoupled, false);
}

static void run(size_t from, size_t steps, float lr, float beta1, float beta2, float eps, float decay, torch::Tensor x, torch::Tensor g,
                torch::Tensor m, torch::Tensor v) {
  for (size_t t = from + 1; t <= from + steps; t++) ds_adam_step(0, t, lr, beta1, beta2, eps, decay, true, x, g, m, v);
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("open", &open);
  m.def("run", &run);
}
