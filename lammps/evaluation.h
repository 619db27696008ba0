// SPDX-License-Identifier: MIT
// One evaluation of a model: forward and backward piece by piece, with messages in between.

#ifndef PHYSREP_EVALUATION_H
#define PHYSREP_EVALUATION_H

#include "listed_edges.h"
#include "model.h"
#include "pieces.h"

#include <string>
#include <vector>

namespace physrep {

// A module's own message without its call stack.
std::string message_of(const std::exception &error);

// Charges between forward and backward: the piece that reads them from the last features, and the
// slope of the electrostatic energy along what it gives; undefined where this rank has none.
struct RawCharges {
  Piece piece;  // output (n_own, 2 or 3): raw charges in e, weights of the shift, polarizabilities
  torch::Tensor slopes;
};

// The scripted module and the state of one evaluation.
struct Model::Torch {
  torch::jit::Module module;
  torch::Device device{torch::kCPU};
  torch::ScalarType dtype = torch::kFloat32;
  bool embed_reads_edges = false;
  int n_members = 1;  // of a committee
  bool is_polar = false;  // whether charges induce dipoles
  int n_threads = 1;

  std::string error;  // the first one of this evaluation
  int64_t n_own = 0, n_rows = 0, n_sent = 0;
  torch::Tensor types, vectors;
  torch::Tensor positions;  // (n_rows, 3) host memory; undefined where moments are not wanted
  CutEdges edges;
  RawCharges raw;
  ListedEdges listed;  // edges of LAMMPS' list, made on the device
  bool by_list = false;  // whether this evaluation reads them

  // Run `work` unless this rank has failed before or has no atoms.
  template <class Work> void attempt(Work &&work) {
    if (!error.empty() || n_own == 0) return;
    try {
      work();
    } catch (const std::exception &e) {
      error = message_of(e);
      if (error.empty()) error = "unknown error";
    }
  }

  torch::Tensor call(const std::string &name, std::vector<c10::IValue> arguments) {
    return module.get_method(name)(std::move(arguments)).toTensor();
  }

  // The sums of atomic energies that are differentiated: the energy, and with moments also
  // sum_i x_i U_i of each axis.
  size_t n_sums() const { return with_moments ? 4 : 1; }
  bool with_moments = false;
  // Whether each member of a committee gets a copy of the vectors, side by side, so that every member
  // has slopes of its own.
  bool with_members = false;

  void start(const Graph &graph);
  void start(const PairList &list);
  void probe(int n_types, const Metadata &about);
  std::vector<Piece> forward(const Metadata &about, Exchange &exchange);
  // The electrostatic energy and what follows from it with the charges held; `backward` then follows
  // the charges. Collective, also where a rank has failed or has no atoms.
  void electrostatics(const ChargedAtoms &atoms, const Piece &readout, Exchange &exchange,
                      Result &result);
  void backward(const std::vector<Piece> &pieces, const Metadata &about, Exchange &exchange);
  void write(const Graph &graph, const std::vector<Piece> &pieces, Result &result);
  void write(const std::vector<Piece> &pieces, Result &result);

 private:
  torch::Tensor rows_of(const torch::Tensor &own, int width) const;
  torch::Tensor with_ghosts(const torch::Tensor &own, int width, Exchange &exchange);
  std::vector<torch::Tensor> seeds(const torch::Tensor &energies) const;
  std::vector<torch::Tensor> add_ghosts(const std::vector<torch::Tensor> &grads, int width,
                                        Exchange &exchange);
  torch::Tensor add_listed_ghosts(const torch::Tensor &grad, int width, Exchange &exchange);
  void move_origins(torch::Tensor rows, double sign) const;

  bool add_up(std::vector<double> &numbers, Exchange &exchange) const;
  void follow_charges(torch::Tensor &input_grad);
};

}  // namespace physrep

#endif
