/* What the process takes of the machine. */
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "runtime/base/clock.h"
#include "runtime/control/control_priv.h"

static void read_memory(struct control_usage *out)
{
    long all = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f)
        return;
    if (fscanf(f, "%ld %ld", &all, &resident) == 2) {
        const int64_t page = sysconf(_SC_PAGESIZE);
        out->virtual_bytes = all * page;
        out->resident_bytes = resident * page;
    }
    fclose(f);
}

void control_usage(const struct control *c, struct control_usage *out)
{
    struct timespec cpu = {0};
    struct rlimit most;
    *out = (struct control_usage){.resident_bytes = -1, .virtual_bytes = -1, .descriptors_max = -1};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
    out->cpu_ns = cpu.tv_sec * NS_PER_S + cpu.tv_nsec;
    read_memory(out);
    out->descriptors = control_descriptors(c);
    if (getrlimit(RLIMIT_NOFILE, &most) == 0)
        out->descriptors_max = (int64_t)most.rlim_cur;
    out->begun_wall_ns = clock_wall_ns() - (clock_now_ns() - c->begun_ns);
}
