// Runs the program vmmu as a user does.
#pragma once

#include <sys/wait.h>

#include <cstdlib>
#include <string>

#include "trace/temp_folder.hpp"

struct ProgramResult {
  int status = -1;  // exit status; -1: it did not exit by itself
  std::string out;
  std::string err;
};

// `arguments` hold nothing that a shell would change. `input` is the file that standard input comes from.
inline ProgramResult run_program(const std::string& arguments, const std::string& input = "/dev/null") {
  const TempFolder folder;
  const std::string command = "'" VMMU_PROGRAM "' " + arguments + " <'" + input + "' >'" + folder.path("stdout") +
                              "' 2>'" + folder.path("stderr") + "'";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, folder.content("stdout"), folder.content("stderr")};
}
