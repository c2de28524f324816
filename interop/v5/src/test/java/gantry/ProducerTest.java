package gantry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The official producer: sync, async, one-way, batch, large, chosen queues, refusals. */
class ProducerTest {
    private static Deployment deployment;
    private static DefaultMQProducer producer;

    @BeforeAll
    static void start() throws Exception {
        deployment = Deployment.start(Kind.chosen(), Map.of());
        producer = Clients.producer(deployment, "ProducerTest");
    }

    @AfterAll
    static void stop() {
        producer.shutdown();
        deployment.close();
    }

    @Test
    void aSyncSendIsAnsweredWithIdsAndDenseOffsets() throws Exception {
        Map<Integer, Long> next = new java.util.HashMap<>();
        for (int i = 0; i < 32; i++) {
            SendResult result = producer.send(Clients.message("SyncTopic", "TagA", "key" + i, "body " + i));
            assertEquals(SendStatus.SEND_OK, result.getSendStatus());
            assertTrue(result.getMsgId().length() == 32 || result.getMsgId().length() == 56, "IPv4 or IPv6 client");
            assertEquals(32, result.getOffsetMsgId().length());
            long expected = next.merge(result.getMessageQueue().getQueueId(), 0L, (old, zero) -> old + 1);
            assertEquals(expected, result.getQueueOffset());
        }
        assertEquals(4, next.size(), "round robin over all four queues");
    }

    @Test
    void asyncSendsAllCallBack() throws Exception {
        int count = 200;
        CountDownLatch done = new CountDownLatch(count);
        ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
        ConcurrentLinkedQueue<String> ids = new ConcurrentLinkedQueue<>();
        for (int i = 0; i < count; i++) {
            producer.send(Clients.message("AsyncTopic", "TagA", "key" + i, "body " + i), new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    ids.add(result.getOffsetMsgId());
                    done.countDown();
                }

                @Override
                public void onException(Throwable cause) {
                    failures.add(cause);
                    done.countDown();
                }
            });
        }
        assertTrue(done.await(60, TimeUnit.SECONDS));
        assertEquals(List.of(), new ArrayList<>(failures));
        assertEquals(count, new TreeSet<>(ids).size());
    }

    @Test
    void onewaySendsArrive() throws Exception {
        producer.send(Clients.message("OnewayTopic", "TagA", "first", "makes the topic"));
        for (int i = 0; i < 50; i++) {
            producer.sendOneway(Clients.message("OnewayTopic", "TagA", "key" + i, "body " + i));
        }
        Peers.await("51 messages in OnewayTopic", 20, () -> total("OnewayTopic") == 51);
    }

    @Test
    void aBatchBecomesAsManyMessages() throws Exception {
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            batch.add(Clients.message("BatchTopic", "TagA", "key" + i, "body " + i));
        }
        producer.send(Clients.message("BatchTopic", "TagA", "first", "makes the topic"));
        SendResult result = producer.send(batch);
        assertEquals(SendStatus.SEND_OK, result.getSendStatus());
        assertEquals(20, result.getMsgId().split(",").length);
        assertEquals(20, result.getOffsetMsgId().split(",").length);
        assertEquals(21, total("BatchTopic"));
    }

    @Test
    void aLargeMessageIsCompressedAndComesBackWhole() throws Exception {
        String body = "gantry ".repeat(20_000);
        SendResult result = producer.send(Clients.message("LargeTopic", "TagA", "large", body));
        DefaultMQAdminExt admin = Clients.admin(deployment.nameServerAddress());
        try {
            MessageExt found = admin.viewMessage("LargeTopic", result.getOffsetMsgId());
            assertEquals(body, Clients.text(found.getBody()));
            assertEquals("large", found.getKeys());
            assertTrue(found.getStoreSize() < body.length() / 10, "stored compressed");
        } finally {
            admin.shutdown();
        }
    }

    @Test
    void unicodeAndUserPropertiesSurvive() throws Exception {
        Message message = Clients.message("UnicodeTopic", "标签", "ключ", "тело 正文 🦀");
        message.putUserProperty("имя", "значение 值");
        SendResult result = producer.send(message);
        DefaultMQAdminExt admin = Clients.admin(deployment.nameServerAddress());
        try {
            MessageExt found = admin.viewMessage("UnicodeTopic", result.getOffsetMsgId());
            assertEquals("тело 正文 🦀", Clients.text(found.getBody()));
            assertEquals("标签", found.getTags());
            assertEquals("значение 值", found.getUserProperty("имя"));
        } finally {
            admin.shutdown();
        }
    }

    @Test
    void aChosenQueueIsUsed() throws Exception {
        producer.send(Clients.message("ChosenTopic", "TagA", "first", "makes the topic"));
        List<MessageQueue> queues = producer.fetchPublishMessageQueues("ChosenTopic");
        assertEquals(4, queues.size());
        for (MessageQueue queue : queues) {
            SendResult result = producer.send(Clients.message("ChosenTopic", "TagA", "k", "body"), queue);
            assertEquals(queue, result.getMessageQueue());
        }
        SendResult bySelector = producer.send(Clients.message("ChosenTopic", "TagA", "k", "body"),
            (all, message, argument) -> all.get((Integer) argument), 2);
        assertEquals(2, bySelector.getMessageQueue().getQueueId());
    }

    @Test
    void anOversizedMessageIsRefusedByTheBroker() throws Exception {
        DefaultMQProducer careless = Clients.producer(deployment, "ProducerTestOversized");
        careless.setMaxMessageSize(8 << 20);
        careless.setCompressMsgBodyOverHowmuch(8 << 20);
        try {
            MQBrokerException refusal = assertThrows(MQBrokerException.class,
                () -> careless.send(new Message("OversizedTopic", new byte[5 << 20]), 20_000));
            assertEquals(13, refusal.getResponseCode());
            assertNotNull(refusal.getErrorMessage());
        } finally {
            careless.shutdown();
        }
    }

    private static long total(String topic) {
        try {
            long total = 0;
            for (MessageQueue queue : producer.fetchPublishMessageQueues(topic)) {
                total += producer.maxOffset(queue);
            }
            return total;
        } catch (Exception cause) {
            throw new IllegalStateException(cause);
        }
    }
}
