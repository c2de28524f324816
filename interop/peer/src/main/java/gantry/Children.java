package gantry;

import java.io.IOException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** The processes that tests started: none of them outlives the JVM of the tests, whatever fails. */
public final class Children {
    private static final Set<Process> ALIVE = ConcurrentHashMap.newKeySet();

    static {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> ALIVE.forEach(Process::destroyForcibly)));
    }

    private Children() {
    }

    /** Starts a process that ends with this JVM at the latest. */
    public static Process start(ProcessBuilder builder) throws IOException {
        builder.environment().remove("NAMESRV_ADDR");
        Process process = builder.start();
        ALIVE.add(process);
        process.onExit().thenAccept(ALIVE::remove);
        return process;
    }
}
