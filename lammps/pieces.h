// SPDX-License-Identifier: MIT
// The pieces of an exported model (embed, steps, readout), each with its own graph for derivatives.

#ifndef PHYSREP_PIECES_H
#define PHYSREP_PIECES_H

#include <torch/script.h>

#include <vector>

namespace physrep {

// One piece: what went in as a leaf, and what came out.
struct Piece {
  torch::Tensor input;  // undefined for embed
  torch::Tensor output;
};

torch::Tensor grad_or_zero(const torch::Tensor &grad, const torch::Tensor &like);

// Edges as the model's pieces read them. All pieces share the graph vectors -> edges; its tensors
// are cut into leaves that collect gradients from every piece, and the shared part runs backward
// once at the end. Keeping it attached would run it n_layers + 1 times, with retain_graph.
//
// Gradients are those of n_sums weighted sums of the atomic energies; the first is the energy.
class CutEdges {
 public:
  CutEdges() = default;
  CutEdges(const c10::IValue &edges, size_t n_sums);

  const c10::IValue &value() const { return value_; }

  // Run one piece backward from the sums' gradients with respect to its output: collects those with
  // respect to the edges, returns those with respect to its input (undefined where the piece has no
  // input or does not depend on it).
  std::vector<torch::Tensor> backward(const Piece &piece,
                                      const std::vector<torch::Tensor> &output_grads);

  // The sums' gradients with respect to the vectors, from all that the pieces have collected.
  std::vector<torch::Tensor> to_vectors(const torch::Tensor &vectors) const;

 private:
  c10::IValue cut(const c10::IValue &value);

  std::vector<torch::Tensor> sources_, leaves_;
  std::vector<std::vector<torch::Tensor>> grads_;  // of each sum, of each leaf
  c10::IValue value_;  // behind the vectors, which `cut` fills
};

}  // namespace physrep

#endif
