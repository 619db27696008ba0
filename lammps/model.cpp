// SPDX-License-Identifier: MIT

#include "model.h"

#include <ATen/Parallel.h>
#include <torch/script.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/cuda.h>

#include <nlohmann/json.hpp>  // the copy that ships with LAMMPS' headers

#include <algorithm>
#include <fstream>
#include <utility>

namespace physrep {

namespace {

using torch::Tensor;
using Json = nlohmann_lmp::json;

constexpr int FORMAT = 3, OLDEST_FORMAT = 2;
// A contact below this share of the shortest one in the training data means wrong coordinates or a
// run that has blown up.
constexpr double CONTACT_SHARE = 0.5;
constexpr double SMALLEST_CONTACT = 0.2;  // A, where the training data says nothing
const char *const METADATA_FILE = "metadata.json";
const auto HOST_DOUBLE = torch::TensorOptions().dtype(torch::kFloat64);
const auto HOST_INDEX = torch::TensorOptions().dtype(torch::kInt64);
const auto HOST_INT = torch::TensorOptions().dtype(torch::kInt32);

// A module's own message without the addresses of its C++ call stack.
std::string message_of(const std::exception &error) {
  const auto *torch_error = dynamic_cast<const c10::Error *>(&error);
  return torch_error ? torch_error->what_without_backtrace() : error.what();
}

torch::Device find_device(const std::string &name, int local_rank) {
  if (name == "cpu") return torch::Device(torch::kCPU);
  if (name != "cuda") throw ModelError("device '" + name + "' is unknown: choose cpu or cuda");
  const auto n_devices = torch::cuda::is_available() ? torch::cuda::device_count() : 0;
  if (n_devices == 0)
    throw ModelError(
        "device cuda was asked for, but PyTorch finds no usable GPU here: use 'device cpu', or "
        "check nvidia-smi and that PyTorch is a CUDA build that fits the driver");
  return torch::Device(torch::kCUDA, static_cast<c10::DeviceIndex>(local_rank % n_devices));
}

torch::jit::Module load_module(const std::string &path, torch::Device device, std::string &json) {
  if (!std::ifstream(path).good())
    throw ModelError(path + ": no such file; pair_coeff wants the .pt that 'physrep export' wrote");
  torch::jit::ExtraFilesMap extra{{METADATA_FILE, ""}};
  try {
    auto module = torch::jit::load(path, device, extra);
    module.eval();
    json = extra[METADATA_FILE];
    return module;
  } catch (const std::exception &error) {
    if (message_of(error).find("physrep::") != std::string::npos)
      throw ModelError(path +
                       ": this fused file calls compiled operators that this library does not "
                       "have: compile it from the physrep that wrote the file ('physrep build'), "
                       "or export with '--ops portable'");
    throw ModelError(path +
                     ": not an exported potential (TorchScript); make one with 'physrep export "
                     "CHECKPOINT -o ean.pt'");
  }
}

Metadata parse_metadata(const std::string &text, const std::string &path) {
  if (text.empty())
    throw ModelError(path + ": TorchScript, but without physrep's " + METADATA_FILE +
                     "; make the file with 'physrep export'");
  try {
    const auto values = Json::parse(text);
    const int version = values.at("format_version").get<int>();
    if (version > FORMAT)
      throw ModelError(path + ": exported format " + std::to_string(version) +
                       " is newer than this plugin reads (" + std::to_string(FORMAT) +
                       "); upgrade physrep");
    if (version < OLDEST_FORMAT)
      throw ModelError(path + ": exported format " + std::to_string(version) +
                       " is of an older physrep, this plugin reads " +
                       std::to_string(OLDEST_FORMAT) + " to " + std::to_string(FORMAT) +
                       "; export the checkpoint again");
    if (values.value("molecular", false))
      throw ModelError(path +
                       ": this model sees all atoms of an isolated molecule at once (model.cls "
                       "true), which LAMMPS cannot split among ranks and periodic images; fit one "
                       "with model.cls false");
    Metadata out;
    values.at("model").get_to(out.model);
    values.at("dtype").get_to(out.dtype);
    values.at("species").get_to(out.species);
    values.at("cutoff").get_to(out.cutoff);
    values.at("n_layers").get_to(out.n_layers);
    values.at("width").get_to(out.width);
    values.at("readout_reads_neighbors").get_to(out.readout_reads_neighbors);
    values.at("reference_energies").get_to(out.reference_energies);
    values.at("shortest_distances").get_to(out.shortest_distances);
    const auto certificate = values.find("certificate");
    if (certificate != values.end() && certificate->is_object()) {
      out.verdict = certificate->value("verdict", "");
      out.certificate = certificate->value("line", out.verdict);
    }
    return out;
  } catch (const Json::exception &error) {
    throw ModelError(path + ": damaged metadata (" + error.what() + "); export the file again");
  }
}

// In place where nothing else holds the sum: columns of all edges are what most memory goes to.
void add_to(Tensor &sum, Tensor term) {
  if (!sum.defined())
    sum = std::move(term);
  else if (sum.use_count() == 1 && sum.storage().use_count() == 1 && sum.is_contiguous())
    sum.add_(term);
  else
    sum = sum + term;
}

Tensor grad_or_zero(const Tensor &grad, const Tensor &like) {
  return grad.defined() ? grad : torch::zeros_like(like);
}

// Whether step k, or the readout behind the last one, reads atoms of other ranks.
bool reads_ghosts(int k, const Metadata &about, const Exchange &exchange) {
  return exchange.needed() && (k < about.n_layers || about.readout_reads_neighbors);
}

}  // namespace

// One piece of the model (embed, a step, readout) with its own graph, cut from the others: what
// went in as a leaf, and what came out.
struct Piece {
  Tensor input;   // undefined for embed
  Tensor output;
};

// Edges as the model's pieces read them. All pieces share the graph vectors -> edges; its tensors
// are cut into leaves that collect gradients from every piece, and the shared part runs backward
// once at the end. Keeping it attached would run it n_layers + 1 times, with retain_graph.
class CutEdges {
 public:
  CutEdges() = default;

  explicit CutEdges(const c10::IValue &edges) : value_(cut(edges)) {
    grads_.resize(leaves_.size());
  }

  const c10::IValue &value() const { return value_; }

  // Run one piece backward from dE/doutput: collects dE/dedges, returns dE/dinput (undefined where
  // the piece has no input or does not depend on it).
  Tensor backward(const Piece &piece, const Tensor &output_grad) {
    if (!piece.output.requires_grad()) return {};
    std::vector<Tensor> inputs = leaves_;
    const bool with_input = piece.input.defined() && piece.input.requires_grad();
    if (with_input) inputs.push_back(piece.input);
    auto grads = torch::autograd::grad({piece.output}, inputs, {output_grad}, false, false, true);
    for (size_t k = 0; k < leaves_.size(); k++) {
      if (grads[k].defined()) add_to(grads_[k], std::move(grads[k]));
    }
    return with_input ? grads.back() : Tensor();
  }

  // dE/dvectors from all that the pieces have collected.
  Tensor to_vectors(const Tensor &vectors) const {
    std::vector<Tensor> outputs, grads;
    for (size_t k = 0; k < sources_.size(); k++) {
      if (!grads_[k].defined()) continue;
      outputs.push_back(sources_[k]);
      grads.push_back(grads_[k]);
    }
    if (outputs.empty()) return torch::zeros_like(vectors);
    auto slope = torch::autograd::grad(outputs, {vectors}, grads, false, false, true)[0];
    return grad_or_zero(slope, vectors);
  }

 private:
  // The same value, each tensor with a gradient, also in tuples within tuples, become a leaf.
  c10::IValue cut(const c10::IValue &value) {
    if (value.isTuple()) {
      const auto tuple = value.toTuple();
      std::vector<c10::IValue> members;
      for (const auto &member : tuple->elements()) members.push_back(cut(member));
      return c10::ivalue::Tuple::createNamed(std::move(members), tuple->type());
    }
    if (!value.isTensor() || !value.toTensor().requires_grad()) return value;
    sources_.push_back(value.toTensor());
    leaves_.push_back(value.toTensor().detach().requires_grad_(true));
    return leaves_.back();
  }

  std::vector<Tensor> sources_, leaves_, grads_;
  c10::IValue value_;  // behind the vectors, which `cut` fills
};

// The scripted module and the state of one evaluation.
struct Model::Torch {
  torch::jit::Module module;
  torch::Device device{torch::kCPU};
  torch::ScalarType dtype = torch::kFloat32;
  bool embed_reads_edges = false;

  std::string error;  // the first one of this evaluation
  int64_t n_own = 0, n_rows = 0;
  Tensor types, vectors;
  CutEdges edges;

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

  Tensor call(const std::string &name, std::vector<c10::IValue> arguments) {
    return module.get_method(name)(std::move(arguments)).toTensor();
  }

  void start(const Graph &graph);
  Tensor rows_of(const Tensor &own, int width) const;
  Tensor leaf_of(const Tensor &rows, bool needs_grad) const;
  Tensor add_ghosts(const Tensor &grad, int width, Exchange &exchange);
  bool probe(int n_types);
  std::vector<Piece> forward(const Metadata &about, Exchange &exchange);
  void backward(const std::vector<Piece> &pieces, const Metadata &about, Exchange &exchange);
};

// Tensors of the graph and the edges made of them.
void Model::Torch::start(const Graph &graph) {
  error.clear();
  types = vectors = Tensor();
  edges = CutEdges();
  n_own = graph.n_own;
  n_rows = static_cast<int64_t>(graph.types.size());
  attempt([&] {
    const auto n_edges = static_cast<int64_t>(graph.centers.size());
    const auto wrap = [](const auto &data, at::IntArrayRef shape, const auto &options) {
      // The buffers outlive the evaluation and PyTorch only reads them.
      using Value = typename std::decay_t<decltype(data)>::value_type;
      return torch::from_blob(const_cast<Value *>(data.data()), shape, options);
    };
    const auto host = torch::empty({2, n_edges}, HOST_INDEX);
    host[0].copy_(wrap(graph.centers, {n_edges}, HOST_INT));
    host[1].copy_(wrap(graph.neighbors, {n_edges}, HOST_INT));
    const auto index = host.to(device);
    types = wrap(graph.types, {n_rows}, HOST_INDEX).to(device);
    vectors = wrap(graph.vectors, {n_edges, 3}, HOST_DOUBLE).to(device).requires_grad_(true);
    edges = CutEdges(module.get_method("edges")({types, index, vectors, n_own}));
  });
}

// Rows of all atoms in host memory, double: own ones from `own`, zeros for the ghosts. Doubles carry
// float32 features without loss, and LAMMPS' buffers are doubles.
Tensor Model::Torch::rows_of(const Tensor &own, int width) const {
  auto rows = torch::zeros({n_rows, width}, HOST_DOUBLE);
  if (own.defined()) rows.narrow(0, 0, n_own).copy_(own.detach());
  return rows;
}

Tensor Model::Torch::leaf_of(const Tensor &rows, bool needs_grad) const {
  return rows.to(device, dtype).detach().requires_grad_(needs_grad);
}

// dE/dh of own atoms from dE/dh of own atoms and ghosts.
Tensor Model::Torch::add_ghosts(const Tensor &grad, int width, Exchange &exchange) {
  auto rows = torch::zeros({n_rows, width}, HOST_DOUBLE);
  attempt([&] {
    if (grad.defined()) rows.copy_(grad);
  });
  exchange.from_ghosts(rows.data_ptr<double>(), width);
  Tensor own;
  attempt([&] { own = rows.narrow(0, 0, n_own).to(device, dtype); });
  return own;
}

// Pieces in order: embed, the steps, readout.
std::vector<Piece> Model::Torch::forward(const Metadata &about, Exchange &exchange) {
  std::vector<Piece> pieces(about.n_layers + 2);
  attempt([&] { pieces[0].output = call("embed", {types, edges.value()}); });
  for (int k = 0; k <= about.n_layers; k++) {
    const bool readout = k == about.n_layers;
    const bool needs_grad = k > 0 || embed_reads_edges;
    const Tensor own = pieces[k].output;
    Piece &piece = pieces[k + 1];
    if (!reads_ghosts(k, about, exchange)) {
      attempt([&] { piece.input = own.detach().requires_grad_(needs_grad); });
    } else {
      auto rows = rows_of(Tensor(), about.width);
      attempt([&] { rows = rows_of(own, about.width); });
      exchange.to_ghosts(rows.data_ptr<double>(), about.width);
      attempt([&] { piece.input = leaf_of(rows, needs_grad); });
    }
    attempt([&] {
      piece.output = readout ? call("readout", {piece.input, types, edges.value()})
                             : call("step", {int64_t(k), piece.input, edges.value()});
    });
  }
  return pieces;
}

// Collects dE/dedges of every piece, last to first. The exchanges mirror those of `forward`.
void Model::Torch::backward(const std::vector<Piece> &pieces, const Metadata &about,
                            Exchange &exchange) {
  Tensor grad;  // dE/doutput of the piece at hand
  attempt([&] { grad = torch::ones_like(pieces.back().output); });
  for (int k = about.n_layers; k >= 0; k--) {
    const Piece &piece = pieces[k + 1];
    Tensor input_grad;
    attempt([&] { input_grad = edges.backward(piece, grad); });
    // Features that do not depend on positions need no gradient; all ranks know that from the file.
    if (k == 0 && !embed_reads_edges) return;
    if (reads_ghosts(k, about, exchange))
      grad = add_ghosts(input_grad, about.width, exchange);
    else
      attempt([&] { grad = grad_or_zero(input_grad, piece.input); });
  }
  attempt([&] { edges.backward(pieces[0], grad); });
}

// Call every piece once on a lone pair of atoms, so that a file which lacks one fails at
// pair_coeff; returns whether the features that `embed` makes depend on the edges.
bool Model::Torch::probe(int n_types) {
  Graph pair;
  pair.n_own = 2;
  pair.types = {0, n_types - 1};
  pair.centers = {0, 1};
  pair.neighbors = {1, 0};
  pair.vectors = {1.0, 0.0, 0.0, -1.0, 0.0, 0.0};
  start(pair);
  bool reads_edges = false;
  attempt([&] {
    reads_edges = call("embed", {types, edges.value()}).requires_grad();
    module.get_method("step");
    module.get_method("readout");
  });
  if (!error.empty()) throw ModelError("the file's pieces cannot be called: " + error);
  return reads_edges;
}

Model::Model(const std::string &path, const std::string &device, int local_rank, int n_threads)
    : torch_(std::make_unique<Torch>()) {
  at::set_num_threads(n_threads);  // PyTorch would take every core on every rank
  torch_->device = find_device(device, local_rank);
  std::string json;
  torch_->module = load_module(path, torch_->device, json);
  metadata_ = parse_metadata(json, path);
  torch_->dtype = metadata_.dtype == "float64" ? torch::kFloat64 : torch::kFloat32;
  try {
    torch_->embed_reads_edges = torch_->probe(static_cast<int>(metadata_.species.size()));
  } catch (const std::exception &error) {
    throw ModelError(path + ": " + message_of(error) + "; export the file again");
  }
}

Model::~Model() = default;

const Metadata &Model::metadata() const { return metadata_; }

// As in physrep/engines/frame_checks.py.
double Model::shortest_contact(int type_a, int type_b) const {
  const std::string &a = metadata_.species[type_a], &b = metadata_.species[type_b];
  double known = 0.0;
  for (const std::string &key : {a + "-" + b, b + "-" + a}) {
    const auto found = metadata_.shortest_distances.find(key);
    if (found != metadata_.shortest_distances.end()) known = found->second;
  }
  return std::max(SMALLEST_CONTACT, CONTACT_SHARE * known);
}

std::string Model::evaluate(const Graph &graph, Exchange &exchange, Result &result) {
  // TorchScript's optimiser would profile and compile for one number of edges, which changes every
  // step: slower at first and no faster later (measured on 225 atoms).
  torch::jit::GraphOptimizerEnabledGuard plain(false);
  Torch &t = *torch_;
  result.energies.assign(static_cast<size_t>(graph.n_own), 0.0);
  result.slopes.assign(graph.vectors.size(), 0.0);
  t.start(graph);
  const auto pieces = t.forward(metadata_, exchange);
  t.backward(pieces, metadata_, exchange);
  t.attempt([&] {
    const auto n_edges = static_cast<int64_t>(graph.centers.size());
    torch::from_blob(result.energies.data(), {graph.n_own}, HOST_DOUBLE)
        .copy_(pieces.back().output.detach());
    torch::from_blob(result.slopes.data(), {n_edges, 3}, HOST_DOUBLE)
        .copy_(t.edges.to_vectors(t.vectors));
  });
  return t.error;
}

}  // namespace physrep
