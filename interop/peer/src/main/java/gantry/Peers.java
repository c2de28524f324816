package gantry;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;

/** How each kind of name server and broker is started. */
public final class Peers {
    private Peers() {
    }

    /** A name server on the given port. */
    public static Server nameServer(Kind kind, Path directory, int port) {
        Map<String, String> settings = new TreeMap<>();
        settings.put("listenPort", Integer.toString(port));
        settings.put("kvConfigPath", directory.resolve("kvConfig.json").toString());
        Path file = write(directory.resolve("namesrv-" + port + ".properties"), settings);
        return switch (kind) {
            case GANTRY -> Server.start("namesrv", directory, Map.of(),
                List.of(binary("namesrv"), "-c", file.toString()));
            case APACHE -> Server.start("namesrv", directory, Map.of("ROCKETMQ_HOME", home(directory)),
                java(directory, "-Xmx256m", "org.apache.rocketmq.namesrv.NamesrvStartup", file));
        };
    }

    /** A broker with these settings over the ones that fit a test on loopback. */
    public static Server broker(Kind kind, Path directory, int port, String nameServers, Map<String, String> more) {
        Map<String, String> settings = new TreeMap<>();
        settings.put("brokerClusterName", "DefaultCluster");
        settings.put("brokerName", "broker-a");
        settings.put("brokerId", "0");
        settings.put("brokerIP1", "127.0.0.1");
        settings.put("listenPort", Integer.toString(port));
        settings.put("haListenPort", Integer.toString(port + 1));
        settings.put("namesrvAddr", nameServers);
        settings.put("storePathRootDir", directory.resolve("store").toString());
        settings.put("storePathCommitLog", directory.resolve("store/commitlog").toString());
        settings.put("autoCreateTopicEnable", "true");
        settings.put("defaultTopicQueueNums", "4");
        settings.put("mappedFileSizeCommitLog", "16777216");
        settings.put("mappedFileSizeConsumeQueue", "20000");
        settings.put("maxHashSlotNum", "5000");
        settings.put("maxIndexNum", "20000");
        settings.put("diskMaxUsedSpaceRatio", "95");
        // Retries within seconds: the levels count, not their names.
        settings.put("messageDelayLevel", "1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s");
        settings.putAll(more);
        Path file = write(directory.resolve("broker-" + port + ".conf"), settings);
        return switch (kind) {
            case GANTRY -> Server.start("broker", directory, Map.of(),
                List.of(binary("broker"), "-c", file.toString()));
            case APACHE -> Server.start("broker", directory, Map.of("ROCKETMQ_HOME", home(directory)),
                java(directory, "-Xmx512m", "org.apache.rocketmq.broker.BrokerStartup", file));
        };
    }

    /** A new directory below the one that Maven cleans. */
    public static Path directory(String name) throws IOException {
        Path parent = Path.of(System.getProperty("gantry.work"));
        Files.createDirectories(parent);
        return Files.createTempDirectory(parent, name + "-");
    }

    /** A port whose neighbours (fast port two below, HA port one above) are free as well. */
    public static int freePort() {
        for (int attempt = 0; attempt < 200; attempt++) {
            int port = ThreadLocalRandom.current().nextInt(2000, 3200) * 10 + 5;
            if (free(port - 2) && free(port) && free(port + 1)) {
                return port;
            }
        }
        throw new IllegalStateException("no three free ports in 200 attempts");
    }

    /** Polls a condition for at most this long. */
    public static void await(String what, int seconds, BooleanSupplier condition) {
        long deadline = System.nanoTime() + seconds * 1_000_000_000L;
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() > deadline) {
                throw new AssertionError("not within " + seconds + " s: " + what);
            }
            pause(50);
        }
    }

    /** Sleeps. */
    public static void pause(long milliseconds) {
        try {
            Thread.sleep(milliseconds);
        } catch (InterruptedException cause) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException(cause);
        }
    }

    /** The path of one of our binaries, which must have been built. */
    public static String binary(String name) {
        Path path = Path.of(System.getProperty("gantry.bin"), name).normalize();
        if (!Files.isExecutable(path)) {
            throw new IllegalStateException(path + " is missing: see interop/README.md for what to build");
        }
        return path.toString();
    }

    private static boolean free(int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.bind(new InetSocketAddress(port));
            return true;
        } catch (IOException taken) {
            return false;
        }
    }

    private static String home(Path directory) {
        try {
            Files.createDirectories(directory.resolve("home/conf"));
            return directory.resolve("home").toString();
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }

    private static List<String> java(Path directory, String heap, String main, Path settings) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:MaxDirectMemorySize=512m",
            "--add-opens=java.base/java.nio=ALL-UNNAMED",
            "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED",
            "--add-opens=java.base/jdk.internal.misc=ALL-UNNAMED",
            "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED",
            "-Duser.home=" + directory, "-cp", System.getProperty("java.class.path"),
            main, "-c", settings.toString()));
        return command;
    }

    private static Path write(Path file, Map<String, String> settings) {
        StringBuilder text = new StringBuilder();
        settings.forEach((key, value) -> text.append(key).append('=').append(value).append('\n'));
        try {
            Files.createDirectories(file.getParent());
            return Files.writeString(file, text);
        } catch (IOException cause) {
            throw new UncheckedIOException(cause);
        }
    }
}
