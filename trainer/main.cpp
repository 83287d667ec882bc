#include "trainer/cli.h"

int main(int count, char** words) { return flockstep::run_command_line(count, words); }
