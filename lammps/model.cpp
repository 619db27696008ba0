// SPDX-License-Identifier: MIT

#include "model.h"

#include "archive.h"
#include "evaluation.h"
#include "resources.h"

#include <torch/csrc/jit/runtime/graph_executor.h>

#include <nlohmann/json.hpp>  // the copy that ships with LAMMPS' headers

#include <algorithm>
#include <fstream>
#include <utility>

namespace physrep {

namespace {

using Json = nlohmann_lmp::json;

constexpr int FORMAT = 6, OLDEST_FORMAT = 2;
// A contact below this share of the shortest one in the training data means wrong coordinates or a
// run that has blown up.
constexpr double CONTACT_SHARE = 0.5;
constexpr double SMALLEST_CONTACT = 0.2;  // A, where the training data says nothing
const char *const METADATA_FILE = "metadata.json";
const auto CHARGE_PIECES = {"raw_charges", "sources", "long_range_sums", "energy_of_sums"};
const auto POLAR_PIECE = "induced_energy_of_sums";

torch::jit::Module load_module(const std::string &path, torch::Device device, std::string &json) {
  if (!std::ifstream(path).good())
    throw ModelError(path + ": no such file; pair_coeff wants the .pt that 'physrep export' wrote");
  if (const auto damaged = damage(path); !damaged.empty()) throw ModelError(path + ": " + damaged);
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
    out.n_members = values.value("n_members", 1);
    const auto calibration = values.find("calibration");
    if (calibration != values.end() && calibration->is_object())
      out.force_factor = calibration->value("force_factor", 0.0);
    values.at("readout_reads_neighbors").get_to(out.readout_reads_neighbors);
    values.at("reference_energies").get_to(out.reference_energies);
    values.at("shortest_distances").get_to(out.shortest_distances);
    const auto electrostatics = values.find("electrostatics");
    out.has_charges = electrostatics != values.end() && electrostatics->is_object();
    if (out.has_charges) electrostatics->at("smearing").get_to(out.smearing);
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

}  // namespace

// Call every piece once on a lone pair of atoms, so that a file which lacks one fails at
// pair_coeff, and see what the file does not say of itself.
void Model::Torch::probe(int n_types, const Metadata &about) {
  Graph pair;
  pair.n_own = 2;
  pair.types = {0, n_types - 1};
  pair.centers = {0, 1};
  pair.neighbors = {1, 0};
  pair.vectors = {1.0, 0.0, 0.0, -1.0, 0.0, 0.0};
  start(pair);
  attempt([&] {
    const auto features = call("embed", {types, edges.value()});
    embed_reads_edges = features.requires_grad();
    for (const auto &piece : {"step", "readout"}) module.get_method(piece);
    if (n_members > 1) module.get_method("member_readout");
    if (!about.has_charges) return;
    for (const auto &piece : CHARGE_PIECES) module.get_method(piece);
    if (n_members > 1) module.get_method("member_energies_of_sums");
    const auto last = torch::zeros({pair.n_own, about.width}, features.options());
    is_polar = call("raw_charges", {last, types, edges.value()}).size(1) == 3 * n_members;
    if (is_polar) module.get_method(POLAR_PIECE);
    if (is_polar && n_members > 1) module.get_method("member_induced_energies_of_sums");
  });
  if (!error.empty()) throw ModelError("the file's pieces cannot be called: " + error);
}

Model::Model(const std::string &path, const std::string &device, int local_rank, int n_threads)
    : torch_(std::make_unique<Torch>()) {
  const ThreadCount threads(torch_->n_threads = n_threads);
  torch_->device = find_device(device, local_rank);
  std::string json;
  torch_->module = load_module(path, torch_->device, json);
  metadata_ = parse_metadata(json, path);
  // Never without its electrostatic energy, whatever the metadata says.
  if (torch_->module.find_method(*CHARGE_PIECES.begin())) metadata_.has_charges = true;
  torch_->n_members = metadata_.n_members;
  torch_->dtype = metadata_.dtype == "float64" ? torch::kFloat64 : torch::kFloat32;
  const auto n_types = static_cast<int>(metadata_.species.size());
  std::vector<double> contacts;
  for (int a = 0; a < n_types; a++)
    for (int b = 0; b < n_types; b++) contacts.push_back(shortest_contact(a, b));
  torch_->listed = ListedEdges(torch_->device, metadata_.cutoff, contacts);
  try {
    torch_->probe(n_types, metadata_);
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

std::string Model::evaluate(const Graph &graph, const ChargedAtoms &charged, Exchange &exchange,
                            Result &result) {
  // TorchScript's optimiser would profile and compile for one number of edges, which changes every
  // step: slower at first and no faster later (measured on 225 atoms).
  torch::jit::GraphOptimizerEnabledGuard plain(false);
  Torch &t = *torch_;
  const ThreadCount threads(t.n_threads);
  result.energies.assign(static_cast<size_t>(graph.n_own), 0.0);
  result.slopes.assign(graph.vectors.size(), 0.0);
  result.moments.assign(graph.wants_moments ? 3 * graph.vectors.size() : 0, 0.0);
  const size_t n_wanted = graph.wants_members ? metadata_.n_members : 0;
  result.member_energies.assign(n_wanted, 0.0);
  result.member_slopes.assign(n_wanted * graph.vectors.size(), 0.0);
  result.member_long_range.assign(n_wanted, 0.0);
  t.start(graph);
  const auto pieces = t.forward(metadata_, exchange);
  if (metadata_.has_charges) t.electrostatics(charged, pieces.back(), exchange, result);
  t.backward(pieces, metadata_, exchange);
  t.write(graph, pieces, result);
  return t.error;
}

std::string Model::evaluate(const PairList &list, const ChargedAtoms &charged, Exchange &exchange,
                            Result &result) {
  torch::jit::GraphOptimizerEnabledGuard plain(false);
  Torch &t = *torch_;
  const ThreadCount threads(t.n_threads);
  result.energies.assign(static_cast<size_t>(list.n_own), 0.0);
  result.forces.assign(3 * list.rows.size(), 0.0);
  result.contact = result.not_finite = {};
  t.start(list);
  const auto pieces = t.forward(metadata_, exchange);
  if (metadata_.has_charges) t.electrostatics(charged, pieces.back(), exchange, result);
  t.backward(pieces, metadata_, exchange);
  t.write(pieces, result);
  return t.error;
}

}  // namespace physrep
