// SPDX-License-Identifier: MIT
// What an input says: pair_style and pair_coeff.

#include "pair_physrep.h"

#include "element_masses.h"
#include "kept_memory.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "universe.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstring>

using namespace LAMMPS_NS;

namespace {

constexpr double MASS_DIFFERENCE = 0.5;  // u; isotopes differ by more

std::string join(const std::vector<std::string> &words) {
  std::string all;
  for (const auto &word : words) all += (all.empty() ? "" : " ") + word;
  return all;
}

// Partitions share the GPUs of a node: so a rank among the processes of all of them.
int rank_on_node(MPI_Comm all_partitions) {
  MPI_Comm node;
  int rank = 0;
  MPI_Comm_split_type(all_partitions, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
  MPI_Comm_rank(node, &rank);
  MPI_Comm_free(&node);
  return rank;
}

}  // namespace

void PairPhysRep::allocate() {
  const int n = atom->ntypes + 1;
  memory->create(setflag, n, n, "pair:setflag");
  memory->create(cutsq, n, n, "pair:cutsq");
  allocated = 1;
}

void PairPhysRep::settings(int narg, char **arg) {
  if (strcmp(update->unit_style, "metal") != 0)
    error->all(FLERR,
               "pair physrep: units are {}, but the potential works in eV and A: use "
               "'units metal' (time is then in ps)",
               update->unit_style);
  device_ = "cpu";
  edges_.clear();
  memory_ = "keep";
  guard_ = true;
  charged_.total_charge = 0.0;
  deviation_ = Deviation();
  for (int k = 0; k < narg;) k += set_keyword(narg, arg, k);
  if (deviation_.every == 0 && (deviation_.warn > 0.0 || deviation_.stop > 0.0))
    error->all(FLERR,
               "pair physrep: warn and stop are limits of 'deviation N FILE', which is not given");
}

// Returns how many words the keyword at k takes.
int PairPhysRep::set_keyword(int narg, char **arg, int k) {
  const std::string keyword = arg[k], value = k + 1 < narg ? arg[k + 1] : "";
  if (keyword == "charge")
    charged_.total_charge = charge_of(value);
  else if (keyword == "device")
    device_ = one_of(keyword, value, "cpu", "cuda");
  else if (keyword == "edges")
    edges_ = one_of(keyword, value, "host", "device");
  else if (keyword == "memory")
    memory_ = one_of(keyword, value, "keep", "system");
  else if (keyword == "guard")
    guard_ = one_of(keyword, value, "on", "off") == "on";
  else if (keyword == "warn")
    deviation_.warn = limit_of(keyword, value);
  else if (keyword == "stop")
    deviation_.stop = limit_of(keyword, value);
  else if (keyword == "deviation") {
    const bool whole = utils::is_integer(value);
    deviation_.every = whole ? utils::inumeric(FLERR, value, false, lmp) : 0;
    if (deviation_.every < 1 || k + 2 >= narg)
      error->all(FLERR,
                 "pair physrep: deviation is '{}': write 'deviation N FILE', N steps of 1 or more",
                 value);
    deviation_.path = arg[k + 2];
    return 3;
  } else
    error->all(FLERR,
               "pair physrep: unknown keyword '{}': use 'charge Q', 'device cpu|cuda', "
               "'memory keep|system', 'guard on|off' or 'deviation N FILE [warn X] [stop Y]'",
               keyword);
  return 2;
}

double PairPhysRep::limit_of(const std::string &keyword, const std::string &value) {
  const double limit = utils::is_double(value) ? utils::numeric(FLERR, value, false, lmp) : 0.0;
  if (!(limit > 0.0) || !std::isfinite(limit))
    error->all(FLERR, "pair physrep: {} is '{}': give a force deviation above 0, in eV/A", keyword,
               value);
  return limit;
}

std::string PairPhysRep::one_of(const std::string &keyword, const std::string &value,
                                const char *first, const char *second) {
  if (value != first && value != second)
    error->all(FLERR, "pair physrep: {} is '{}': choose {} or {}", keyword, value, first, second);
  return value;
}

double PairPhysRep::charge_of(const std::string &value) {
  const bool given = utils::is_double(value);
  const double charge = given ? utils::numeric(FLERR, value, false, lmp) : 0.0;
  if (!given || !std::isfinite(charge))
    error->all(
        FLERR,
        "pair physrep: charge is '{}': give the total charge of the atoms of this potential, "
        "in e",
        value);
  return charge;
}

void PairPhysRep::coeff(int narg, char **arg) {
  const int n_types = atom->ntypes;
  if (narg < 3)  // LAMMPS has seen to the '* *': one_coeff
    error->all(FLERR, "pair physrep: write 'pair_coeff * * FILE.pt' and one element per atom type");
  if (narg != 3 + n_types)
    error->all(FLERR,
               "pair physrep: {} elements in pair_coeff, but there are {} atom types: give "
               "the element of each type in order, for example 'pair_coeff * * {} C H N O'",
               narg - 3, n_types, arg[2]);
  if (!allocated) allocate();
  const std::string found = utils::get_potential_file_path(arg[2]);
  const std::string path = found.empty() ? arg[2] : found;
  load(path);
  check_charges();
  check_deviation();
  map_elements(narg - 3, arg + 3);
  announce(path);
}

void PairPhysRep::load(const std::string &path) {
  const int local_rank = device_ == "cuda" ? rank_on_node(universe->uworld) : 0;
  std::string problem;
  if (memory_ == "keep") physrep::keep_memory();
  try {
    model_ = std::make_unique<physrep::Model>(path, device_, local_rank, comm->nthreads);
  } catch (const std::exception &e) {
    problem = e.what();
  }
  agree_on_error(problem);
}

void PairPhysRep::map_elements(int narg, char **arg) {
  const auto &species = model_->metadata().species;
  const bool hybrid = utils::strmatch(force->pair_style, "^hybrid");
  elements_.assign(1, "");
  model_type_.assign(1, -1);
  for (int k = 0; k < narg; k++) {
    const std::string element = arg[k];
    const auto at = std::find(species.begin(), species.end(), element);
    if (element == "NULL" && !hybrid)
      error->all(FLERR,
                 "pair physrep: atom type {} is NULL, which only pair_style hybrid allows: "
                 "give its element",
                 k + 1);
    if (element != "NULL" && at == species.end())
      error->all(FLERR,
                 "pair physrep: element '{}' of atom type {} is unknown to this potential, "
                 "which was fitted for {}",
                 element, k + 1, join(species));
    elements_.push_back(element);
    model_type_.push_back(element == "NULL" ? -1 : static_cast<int>(at - species.begin()));
  }
  contacts_.assign(static_cast<size_t>(narg + 1) * (narg + 1), 0.0);
  for (int i = 1; i <= narg; i++)
    for (int j = 1; j <= narg; j++) {
      const bool used = model_type_[i] >= 0 && model_type_[j] >= 0;
      setflag[i][j] = used ? 1 : 0;
      if (used)
        contacts_[i * (narg + 1) + j] = model_->shortest_contact(model_type_[i], model_type_[j]);
    }
}

void PairPhysRep::announce(const std::string &path) {
  if (comm->me != 0) return;
  const auto &about = model_->metadata();
  utils::logmesg(lmp,
                 "physrep potential {}: {}, {} layers of {} features, {}, cutoff {} A, "
                 "device {}, elements {}\n",
                 path, about.model, about.n_layers, about.width, about.dtype, about.cutoff, device_,
                 join(elements_));
  utils::logmesg(lmp, type_table());
  if (about.has_charges)
    utils::logmesg(lmp, "physrep charges: total charge {} e, smearing {} A, {}\n",
                   charged_.total_charge, about.smearing,
                   atom->q_flag ? "written to q of the atoms"
                                : "not written (atom_style without q)");
  if (about.n_members > 1)
    utils::logmesg(lmp, "physrep committee of {}: {}\n", about.n_members,
                   about.force_factor > 0.0
                       ? fmt::format("force error = {:.3g} x force deviation", about.force_factor)
                       : "not calibrated");
  if (about.verdict.empty())
    utils::logmesg(lmp,
                   "physrep certificate: none ('physrep certify --stamp' measures and writes "
                   "one)\n");
  else if (about.verdict == "pass")
    utils::logmesg(lmp, "physrep certificate: {}\n", about.certificate);
  else
    error->warning(FLERR, "physrep certificate of {}: {}", path, about.certificate);
}

// What pair_coeff has made of the atom types. Masses may still be to come.
std::string PairPhysRep::type_table() const {
  std::string table = "  type  element  mass (u)  reference energy (eV)\n";
  for (int type = 1; type <= atom->ntypes; type++) {
    const std::string &element = elements_[type];
    const bool known = atom->mass && atom->mass_setflag[type];
    const std::string mass = known ? fmt::format("{:.4f}", atom->mass[type]) : "-";
    const auto &references = model_->metadata().reference_energies;
    const auto found = references.find(element);
    const std::string energy =
        found == references.end() ? "-" : fmt::format("{:.4f}", found->second);
    table += fmt::format("  {:>4}  {:>7}  {:>8}  {:>21}\n", type, element, mass, energy);
  }
  return table;
}

// Elements in another order than the atom types are seen by their masses.
void PairPhysRep::check_masses() {
  if (comm->me != 0 || !atom->mass) return;
  for (int type = 1; type <= atom->ntypes; type++) {
    const double known = physrep::mass_of(elements_[type]);
    if (known == 0.0 || std::abs(atom->mass[type] - known) <= MASS_DIFFERENCE) continue;
    error->warning(
        FLERR,
        "pair physrep: atom type {} has mass {:.4f} u, but pair_coeff calls it {} ({:.4f} "
        "u): check the order of the elements (an isotope is no mistake)",
        type, atom->mass[type], elements_[type], known);
  }
}
