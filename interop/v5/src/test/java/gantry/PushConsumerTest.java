package gantry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The official push consumer: rebalance, tags, retry, dead letters, broadcasting, order, restarts. */
class PushConsumerTest {
    private static Deployment deployment;
    private static DefaultMQProducer producer;

    @BeforeAll
    static void start() throws Exception {
        deployment = Deployment.start(Kind.chosen(), Map.of());
        producer = Clients.producer(deployment, "PushConsumerTest");
    }

    @AfterAll
    static void stop() {
        producer.shutdown();
        deployment.close();
    }

    @Test
    void threeInstancesShareTheQueuesAndEveryMessageArrives() throws Exception {
        send("SharedTopic", 400);
        Map<String, AtomicInteger> seen = new ConcurrentHashMap<>();
        List<DefaultMQPushConsumer> group = new ArrayList<>();
        List<AtomicInteger> shares = new ArrayList<>();
        try {
            for (int i = 0; i < 3; i++) {
                AtomicInteger share = new AtomicInteger();
                shares.add(share);
                group.add(consume("SharedGroup", "SharedTopic", "*", MessageModel.CLUSTERING, message -> {
                    seen.computeIfAbsent(Clients.text(message.getBody()), any -> new AtomicInteger()).incrementAndGet();
                    share.incrementAndGet();
                    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
                }));
            }
            Peers.await("400 messages", 60, () -> seen.size() == 400);
            Peers.await("every instance owns queues", 60, () -> owners("SharedGroup", "SharedTopic").size() == 3);
            shares.forEach(share -> share.set(0));
            sendMore("SharedTopic", 400, 300);
            Peers.await("300 more", 60, () -> seen.size() == 700);
            for (AtomicInteger share : shares) {
                assertTrue(share.get() > 0, "every instance got a share: " + shares);
            }
            group.remove(0).shutdown();
            sendMore("SharedTopic", 700, 100);
            Peers.await("100 after one left", 60, () -> seen.size() == 800);
        } finally {
            group.forEach(DefaultMQPushConsumer::shutdown);
        }
    }

    @Test
    void aTagFilterDeliversOnlyItsTags() throws Exception {
        for (int i = 0; i < 60; i++) {
            producer.send(Clients.message("TagTopic", "Tag" + "ABC".charAt(i % 3), "k" + i, "Tag" + "ABC".charAt(i % 3)));
        }
        ConcurrentLinkedQueue<String> got = new ConcurrentLinkedQueue<>();
        DefaultMQPushConsumer consumer = consume("TagGroup", "TagTopic", "TagA || TagC", MessageModel.CLUSTERING, message -> {
            got.add(Clients.text(message.getBody()));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        try {
            Peers.await("40 of 60", 60, () -> got.size() >= 40);
            Peers.pause(500);
            assertEquals(40, got.size());
            assertEquals(new TreeSet<>(List.of("TagA", "TagC")), new TreeSet<>(got));
        } finally {
            consumer.shutdown();
        }
    }

    @Test
    void aFailedMessageIsRetriedAndThenADeadLetter() throws Exception {
        send("RetryTopic", 4);
        Map<String, List<Integer>> attempts = new ConcurrentHashMap<>();
        DefaultMQPushConsumer consumer = Clients.consumer(deployment.nameServerAddress(), "RetryGroup");
        consumer.setMaxReconsumeTimes(2);
        consumer.subscribe("RetryTopic", "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                attempts.computeIfAbsent(Clients.text(message.getBody()), any -> new ArrayList<>())
                    .add(message.getReconsumeTimes());
            }
            String body = Clients.text(messages.get(0).getBody());
            return body.equals("SharedBody") || body.endsWith(" 0")
                ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        DefaultMQAdminExt admin = Clients.admin(deployment.nameServerAddress());
        try {
            Peers.await("three attempts at the first message", 90,
                () -> attempts.getOrDefault("RetryTopic 0", List.of()).size() == 3);
            assertEquals(List.of(0, 1, 2), attempts.get("RetryTopic 0"));
            assertEquals(List.of(0), attempts.get("RetryTopic 1"));
            Peers.await("a dead letter", 60, () -> deadLetters(admin, "%DLQ%RetryGroup") == 1);
            assertEquals(3, attempts.get("RetryTopic 0").size(), "no attempt after the dead letter");
        } finally {
            admin.shutdown();
            consumer.shutdown();
        }
    }

    @Test
    void broadcastingDeliversEveryMessageToEveryInstance() throws Exception {
        List<TreeSet<String>> seen = new ArrayList<>();
        List<DefaultMQPushConsumer> group = new ArrayList<>();
        // The client keeps broadcast offsets in its home directory: a name that no earlier run used.
        String name = "BroadcastGroup" + System.nanoTime();
        send("BroadcastTopic", 1);
        try {
            for (int i = 0; i < 2; i++) {
                TreeSet<String> mine = new TreeSet<>();
                seen.add(mine);
                group.add(consume(name, "BroadcastTopic", "*", MessageModel.BROADCASTING, message -> {
                    synchronized (mine) {
                        mine.add(Clients.text(message.getBody()));
                    }
                    return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
                }));
            }
            sendMore("BroadcastTopic", 1, 40);
            Peers.await("all to both", 60, () -> seen.stream().allMatch(one -> {
                synchronized (one) {
                    return one.size() >= 40;
                }
            }));
        } finally {
            group.forEach(DefaultMQPushConsumer::shutdown);
        }
    }

    @Test
    void anOrderlyListenerSeesEachQueueInOrder() throws Exception {
        producer.send(Clients.message("OrderTopic", "TagA", "first", "0"));
        for (int i = 0; i < 200; i++) {
            producer.send(Clients.message("OrderTopic", "TagA", "k" + i, Integer.toString(i)),
                (queues, message, key) -> queues.get((Integer) key % queues.size()), i % 7);
        }
        Map<Integer, List<Long>> offsets = new ConcurrentHashMap<>();
        AtomicInteger count = new AtomicInteger();
        DefaultMQPushConsumer consumer = Clients.consumer(deployment.nameServerAddress(), "OrderGroup");
        consumer.subscribe("OrderTopic", "*");
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            for (MessageExt message : messages) {
                offsets.computeIfAbsent(message.getQueueId(), any -> new ArrayList<>()).add(message.getQueueOffset());
                count.incrementAndGet();
            }
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        try {
            Peers.await("201 in order", 60, () -> count.get() >= 201);
            for (List<Long> one : offsets.values()) {
                for (int i = 0; i < one.size(); i++) {
                    assertEquals(i, one.get(i), "dense and in order: " + one);
                }
            }
        } finally {
            consumer.shutdown();
        }
    }

    @Test
    void aRestartedGroupGoesOnWhereItStopped() throws Exception {
        send("ResumeTopic", 50);
        AtomicInteger first = new AtomicInteger();
        DefaultMQPushConsumer one = consume("ResumeGroup", "ResumeTopic", "*", MessageModel.CLUSTERING, message -> {
            first.incrementAndGet();
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        Peers.await("50 messages", 60, () -> first.get() == 50);
        // The listener has returned for all of them before the offsets are committed.
        one.setAwaitTerminationMillisWhenShutdown(10_000);
        one.shutdown();
        sendMore("ResumeTopic", 50, 25);
        ConcurrentLinkedQueue<String> second = new ConcurrentLinkedQueue<>();
        DefaultMQPushConsumer two = consume("ResumeGroup", "ResumeTopic", "*", MessageModel.CLUSTERING, message -> {
            second.add(Clients.text(message.getBody()));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        try {
            Peers.await("the 25 new ones", 60, () -> second.size() >= 25);
            Peers.pause(500);
            assertEquals(25, second.size(), "nothing consumed before comes again: " + second);
        } finally {
            two.shutdown();
        }
    }

    private interface Listener {
        ConsumeConcurrentlyStatus consume(MessageExt message);
    }

    private static DefaultMQPushConsumer consume(String group, String topic, String tags, MessageModel model,
        Listener listener) throws Exception {
        DefaultMQPushConsumer consumer = Clients.consumer(deployment.nameServerAddress(), group);
        consumer.setMessageModel(model);
        consumer.subscribe(topic, tags);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) ->
            messages.stream().map(listener::consume).reduce((a, b) -> b).orElseThrow());
        consumer.start();
        return consumer;
    }

    private static void send(String topic, int count) throws Exception {
        sendMore(topic, 0, count);
    }

    private static void sendMore(String topic, int from, int count) throws Exception {
        for (int i = from; i < from + count; i++) {
            producer.send(Clients.message(topic, "TagA", "key" + i, topic + " " + i));
        }
    }

    private static Map<String, Integer> owners(String group, String topic) {
        try {
            DefaultMQAdminExt admin = Clients.admin(deployment.nameServerAddress());
            try {
                Map<String, Integer> owners = new TreeMap<>();
                admin.examineConsumerConnectionInfo(group).getConnectionSet().forEach(connection -> {
                    try {
                        admin.getConsumerRunningInfo(group, connection.getClientId(), false).getMqTable().keySet()
                            .stream().filter(queue -> queue.getTopic().equals(topic))
                            .forEach(queue -> owners.merge(connection.getClientId(), 1, Integer::sum));
                    } catch (Exception notYet) {
                        // Asked again by the caller.
                    }
                });
                return owners;
            } finally {
                admin.shutdown();
            }
        } catch (Exception notYet) {
            return Map.of();
        }
    }

    private static long deadLetters(DefaultMQAdminExt admin, String topic) {
        try {
            long total = 0;
            for (var offsets : admin.examineTopicStats(topic).getOffsetTable().entrySet()) {
                total += offsets.getValue().getMaxOffset();
            }
            return total;
        } catch (Exception notYet) {
            return -1;
        }
    }
}
