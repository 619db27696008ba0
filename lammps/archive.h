// SPDX-License-Identifier: MIT
// Damage in an exported file, found by checksums before PyTorch reads it. The file is a zip archive;
// PyTorch writes a CRC-32 for each of its records and compares none of them when it loads.

#ifndef PHYSREP_ARCHIVE_H
#define PHYSREP_ARCHIVE_H

#include <string>

namespace physrep {

// What is wrong with the archive and what to do; empty where all records are as they were written,
// and where the file is no archive at all. The same words as physrep/archive.py.
std::string damage(const std::string &path);

}  // namespace physrep

#endif
