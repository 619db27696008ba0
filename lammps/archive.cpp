// SPDX-License-Identifier: MIT

#include "archive.h"

#include <caffe2/serialize/inline_container.h>

#include <array>
#include <cstdint>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>

namespace physrep {

namespace {

const std::string ADVICE = "; copy the file again from where it is whole";
// Signatures and sizes of the ZIP file format (APPNOTE.TXT, 4.3.7 to 4.3.16).
const std::string FIRST_BYTES = "PK", ENTRY = "PK\x01\x02", END = "PK\x05\x06",
                  END_64 = "PK\x06\x06";
constexpr size_t HEADER_SIZE = 30, ENTRY_SIZE = 46, END_SIZE = 22, END_64_SIZE = 56;
constexpr uint64_t IN_END_64 = 0xffffffff;  // of an archive of more than 4 GB

// CRC-32 with the reversed polynomial 0xEDB88320, byte by byte from a table (ISO 3309).
uint32_t crc32(const unsigned char *data, size_t size) {
  static const auto table = [] {
    std::array<uint32_t, 256> out{};
    for (uint32_t byte = 0; byte < 256; byte++) {
      uint32_t rest = byte;
      for (int bit = 0; bit < 8; bit++) rest = (rest >> 1) ^ (rest & 1 ? 0xEDB88320u : 0u);
      out[byte] = rest;
    }
    return out;
  }();
  uint32_t sum = 0xffffffff;
  for (size_t k = 0; k < size; k++) sum = (sum >> 8) ^ table[(sum ^ data[k]) & 0xff];
  return ~sum;
}

// A little-endian number of n_bytes; throws std::out_of_range behind the end.
uint64_t number_at(const std::string &bytes, size_t place, int n_bytes) {
  uint64_t value = 0;
  for (int k = n_bytes; k-- > 0;)
    value = value << 8 | static_cast<unsigned char>(bytes.at(place + k));
  return value;
}

// The checksums in the archive's list of records, by name within the archive's one folder.
std::map<std::string, uint32_t> listed_checksums(const std::string &bytes) {
  const size_t end = bytes.rfind(END);
  if (end == std::string::npos || end + END_SIZE > bytes.size()) throw std::out_of_range("end");
  uint64_t place = number_at(bytes, end + 16, 4);
  if (place == IN_END_64) {
    const size_t end_64 = bytes.rfind(END_64, end);
    if (end_64 == std::string::npos || end_64 + END_64_SIZE > end) throw std::out_of_range("end");
    place = number_at(bytes, end_64 + 48, 8);
  }
  std::map<std::string, uint32_t> out;
  while (place < end && bytes.compare(place, ENTRY.size(), ENTRY) == 0) {
    const auto length = number_at(bytes, place + 28, 2);
    const auto name = bytes.substr(place + ENTRY_SIZE, length);
    const auto header = number_at(bytes, place + 42, 4);
    if (header != IN_END_64 && bytes.compare(header + HEADER_SIZE, length, name) != 0)
      throw std::out_of_range("a record has another name than in the list");
    out[name.substr(name.find('/') + 1)] = static_cast<uint32_t>(number_at(bytes, place + 16, 4));
    place +=
        ENTRY_SIZE + length + number_at(bytes, place + 30, 2) + number_at(bytes, place + 32, 2);
  }
  return out;
}

}  // namespace

std::string damage(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  if (bytes.compare(0, FIRST_BYTES.size(), FIRST_BYTES) != 0 &&
      bytes.rfind(END) == std::string::npos)
    return "";
  std::string found = "damaged: its list of records cannot be read" + ADVICE;
  try {
    const auto expected = listed_checksums(bytes);
    caffe2::serialize::PyTorchStreamReader reader(path);
    // As PyTorch will read them, so that a record which it would find elsewhere counts as damaged.
    for (const auto &name : reader.getAllRecords()) {
      found = "damaged: record '" + name + "' differs from its checksum" + ADVICE;
      const auto [data, size] = reader.getRecord(name);
      const auto sum = crc32(static_cast<const unsigned char *>(data.get()), size);
      if (sum != expected.at(name)) return found;
    }
  } catch (const std::exception &) {
    return found;
  }
  return "";
}

}  // namespace physrep
