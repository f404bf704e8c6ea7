// Steps of DeepSpeed's CPU Lion, many within one call, so that calling from Python costs nothing.
#include "cpu_lion.h"

static void open(float lr, float beta1, float beta2, float decay) { create_lion_optimizer(0, lr, beta1, beta2, decay, false); }

static void run(size_t from, size_t steps, float lr, float beta1, float beta2, float decay, torch::Tensor x, torch::Tensor g, torch::Tensor m) {
  for (size_t t = from + 1; t <= from + steps; t++) ds_lion_step(0, t, lr, beta1, beta2, decay, x, g, m);
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) {
  m.def("open", &open);
  m.def("run", &run);
}
